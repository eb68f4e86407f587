"""Values of a GKE cluster's features that are refused, and what the refusal says is allowed."""

import json

LABELS = "a list of at most 60 key=value of a-z, 0-9, _ and -, such as owner=pets"
PERIODS = "a list of at most 20 START/END, the start first, such as 2026-11-20/2027-01-05"
KMS_KEY = "create, or projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY, or empty"
CRON = 'five fields of cron\'s, in UTC, at one minute, such as "0 3 * * *", or empty'
GROUP = "gke-security-groups@ and a domain"
ADMITTED = "a list of images in a repository, such as ghcr.io/team/app or ghcr.io/team/*"

GKE_REFUSED = [
    *(
        ("labels", value, LABELS)
        for value in (
            "owner=pets",
            "null",
            '["owner"]',
            '["Owner=pets"]',
            '["owner=Pets"]',
            '["1=pets"]',
            '["stack=prod"]',
            '["goog-gke-node=x"]',
            '["owner=a", "owner=b"]',
            f'["owner={"a" * 64}"]',
        )
    ),
    *(
        ("maintenanceExclusions", value, PERIODS)
        for value in (
            "2026-11-20/2027-01-05",
            '["2026-11-20"]',
            '["2027-01-05/2026-11-20"]',
            '["2026-11-20/2026-11-20"]',
            '["2026-02-30/2026-03-05"]',
            '["2026-11-20T00:00:00Z/2027-01-05T00:00:00Z"]',
            json.dumps([f"2026-01-{day:02}/2026-03-01" for day in range(1, 22)]),
        )
    ),
    *(
        ("kubernetesVersion", value, "a version of GKE such as 1.34 or 1.34.1-gke.1000, or empty")
        for value in ("latest", "1", "1.9", "2.34", "v1.34", "1.34.1-eks.1", "1.34-gke.1000")
    ),
    *(
        ("rbacGroup", value, GROUP)
        for value in ("platform@example.com", "gke-security-groups@", "gke-security-groups@com")
    ),
    ("binaryAuthorization", "enforce", "true or false"),
    ("attestors", '["built-by-ci"]', "a list of projects/PROJECT/attestors/NAME"),
    *(
        ("admittedImages", value, ADMITTED)
        for value in ('["*"]', '["ghcr.io*"]', '["ghcr.io/team/app:v1"]', '["https://ghcr.io/a"]')
    ),
    *(
        ("encryptionKey", value, KMS_KEY)
        for value in (
            "true",
            "Create",
            "pets",
            "projects/pets-1/locations/us-central1/keyRings/pets",
            "projects/pets-1/locations/us-central1/keyRings/a/cryptoKeys/b/cryptoKeyVersions/1",
        )
    ),
    ("confidentialNodes", "true", "SEV, SEV_SNP, TDX or empty"),
    ("confidentialNodes", "sev", "SEV, SEV_SNP, TDX or empty"),
    ("spotNodes", "yes", "true or false"),
    ("nodeUpgrades", "blue-green", "surge or blueGreen"),
    ("upgradeNotifications", "1", "true or false"),
    *(
        ("backupSchedule", value, CRON)
        for value in ("daily", "0 3 * *", "0 3 * * * *", "@daily", "0 3 * * MON", "a b c d e")
    ),
    *(
        ("backupSchedule", value, CRON)
        for value in (
            "60 3 * * *",
            "0 24 * * *",
            "0 3 32 * *",
            "0 3 * 13 *",
            "0 3 * * 8",
            "* * * * *",
        )
    ),
    ("backupRetentionDays", "0", "a whole number from 1 to 365"),
    ("backupRetentionDays", "366", "a whole number from 1 to 365"),
    ("cloudArmor", "on", "true or false"),
    ("secretManager", "", "true or false"),
    ("verticalPodAutoscaling", "auto", "true or false"),
]
