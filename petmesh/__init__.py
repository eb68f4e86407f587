"""The toolkit: what any mesh declared by Pulumi can be tried, judged and released with."""
