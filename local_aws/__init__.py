"""An embedded AWS for the demo and the tests: moto's server with a thin, labelled layer over it.

Nothing in the collection imports this package or knows that it exists; it is reached only by the usual
endpoint settings (`AWS_ENDPOINT_URL`). See README.md.
"""
