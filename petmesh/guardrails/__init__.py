"""Guard-rails: what no stack may declare, whoever wrote it."""
