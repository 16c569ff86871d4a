"""Write what the code says into the pages: `make docs`, to be read as a diff."""

from tests.docs.generated import GENERATED

for each in GENERATED:
    each.put()
