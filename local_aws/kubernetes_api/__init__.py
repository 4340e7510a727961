"""A small Kubernetes API for the clusters of the local AWS: what kubectl, the Python client and kubernetes.core need of one.

It keeps objects and answers discovery, reads, writes, dry runs and deletions over TLS, to the tokens that an EKS cluster takes.
Nothing runs in it: no scheduler, no controller, no admission. It starts when somebody asks for a cluster's endpoint, if it is switched on.
"""

from local_aws.kubernetes_api.server import address_of, stop

__all__ = ["address_of", "stop"]
