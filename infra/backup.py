"""Backup for GKE: a plan of backups, and one of restores."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from infra.arguments import GkeArgs

BACKUP = "gkebackup.googleapis.com"


def backup_plans(
    args: GkeArgs,
    cluster: pulumi.Input[str],
    key: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> None:
    """Declare a plan that backs up every namespace with volumes and Secrets, and one to restore.

    A restore creates what is missing in the namespaces and leaves what is there as it is, with the
    cluster's own kinds: they are this program's.

    Args:
        args: The platform's arguments, with a backup schedule.
        cluster: The cluster's id.
        key: The key of Cloud KMS that encrypts the backups; None for Google's.
        opts: The plans' options.

    Source:
        https://cloud.google.com/kubernetes-engine/docs/add-on/backup-for-gke/concepts/backup-for-gke
    """
    config: gcp.gkebackup.BackupPlanBackupConfigArgsDict = {
        "all_namespaces": True,
        "include_secrets": True,
        "include_volume_data": True,
    }
    if key is not None:
        config["encryption_key"] = {"gcp_kms_encryption_key": key}
    plan = gcp.gkebackup.BackupPlan(
        "backup-plan",
        name=args.cluster_name,
        cluster=cluster,
        location=args.region,
        labels=args.labels,
        backup_config=config,
        backup_schedule={"cron_schedule": args.backup_schedule},
        retention_policy={"backup_retain_days": args.backup_retention_days},
        opts=opts,
    )
    gcp.gkebackup.RestorePlan(
        "restore-plan",
        name=args.cluster_name,
        cluster=cluster,
        backup_plan=plan.id,
        location=args.region,
        labels=args.labels,
        restore_config={
            "all_namespaces": True,
            "namespaced_resource_restore_mode": "MERGE_SKIP_ON_CONFLICT",
            "volume_data_restore_policy": "RESTORE_VOLUME_DATA_FROM_BACKUP",
            "cluster_resource_restore_scope": {"no_group_kinds": True},
        },
        opts=opts,
    )
