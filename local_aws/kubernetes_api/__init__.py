"""A small Kubernetes API for the clusters of the local AWS: what kubectl, the Python client and kubernetes.core need of one.

It keeps objects and answers discovery, reads, writes, dry runs and deletions over TLS, to the tokens that an EKS cluster takes.
Of what runs in a cluster it has stand-ins alone (`kubelet.py`): there is no scheduler and no admission. It starts when somebody
first asks for an endpoint.
"""

from local_aws.kubernetes_api.server import KUBELET, address_of, stop

__all__ = ["KUBELET", "address_of", "stop"]
