"""A small Kubernetes API for the clusters of the local AWS: what kubectl, the Python client and kubernetes.core need of one.

It keeps objects and answers discovery, reads, writes, dry runs and deletions over TLS, to the tokens that an EKS cluster takes.
Nothing runs in it: no scheduler, no controller, no admission. It starts when somebody first asks for an endpoint.
"""

from local_aws.kubernetes_api.server import address_of, stop

__all__ = ["address_of", "stop"]
