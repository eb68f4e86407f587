"""The three services that the article tells of."""

from typing import Final

from apps.catalog import read_catalog

CATALOG: Final = read_catalog()
PETSERVICE: Final = CATALOG["petservice"]
PETDETAILS: Final = CATALOG["petdetailsservice"]
PETMEDICALHISTORY: Final = CATALOG["petmedicalhistoryservice"]
PETS: Final = (PETSERVICE, PETDETAILS, PETMEDICALHISTORY)
