"""What the published XML schema cannot judge, each with its reason.

Everything else that the suite receives as XML is validated as it stands.
"""

# Root children that are not validated at all.
NOT_VALIDATED = {
    "serverInfo": "the schema's pattern for restApiVersion is a build number, which 3.29 never "
    "matches, and it requires elements that a server without Prep does not have",
}

# Lists that the schema has without the pagination that the wire puts before them:
# validated as if there were none.
WITHOUT_PAGINATION = {
    "backgroundJobs": "Query Jobs has pages, as recorded answers do; the schema lists the element "
    "among those of single answers",
    "views": "Query Views for Site has pages, as recorded answers do; the schema knows the list "
    "from Query Views for Workbook alone, which has none",
}

# Root children that stand before another one on the wire, as recorded answers show;
# the schema knows them only in lists with pages, and each is validated apart.
BEFORE_ANOTHER = {"flowOutputSteps": "flow"}

# Lists that recorded answers show empty where the schema wants an item: validated as if
# they had one, of that name.
MAY_BE_EMPTY = {"flowParameterSpecs": "flowParameterSpec", "flowOutputSteps": "flowOutputStep"}

# Elements whose plain values are child elements on the wire (as the method
# pages print them) where the schema has attributes: childless children are
# moved into attributes of the same name, then the document is validated.
CHILDREN_AS_ATTRIBUTES = {
    "connectedApplication": {"secret", "projectIds"},  # these stay children
    "secret": set(),
    "connectedApplicationSecret": set(),
    "externalAuthorizationServer": set(),
}

# No exception, but a choice: a recorded answer of Import Users has the job type
# UserImport, which the schema's list of types does not have. The list decides, and
# answers say CreateSiteUsersCsv (src/tbl/job_kinds.def).

# Values of attributes that the schema's lists do not have though recorded answers do:
# the attribute is left out, then the document is validated.
BEYOND_LISTS = {
    ("job", "type"): {"UpdateUploadedFile"},  # the schema has its element updateUploadedFileJob
}
