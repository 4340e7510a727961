#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes
version_added: 0.1.0
short_description: Keep what runs in the platform's cluster
description:
  - Keeps namespaces with Pod Security, quotas and limits, service accounts, network policies that allow the platform's flows and
    nothing else, the secrets that External Secrets fetches, the agent behind the load balancer and the consumers of the
    queues, in the EKS
    cluster that M(agent_platform.aws.eks) keeps; and the Helm releases of the controllers that they need.
  - It proves itself to the cluster with a token that is signed by the caller's AWS identity. No kubeconfig is written.
  - Objects are applied by M(kubernetes.core.k8s), and releases installed by M(kubernetes.core.helm). An object that carries this
    deployment's labels and is not in the configuration any more is removed, but no namespace in which somebody else keeps
    something.
  - It runs where C(ansible-playbook) does, which has to reach the cluster's API.
author:
  - agent_platform contributors (@agent-platform)
options:
  run_in:
    description:
      - V(direct) keeps the cluster's inside from where C(ansible-playbook) runs.
      - V(none) leaves it alone, whatever O(verb) is, and asks nothing of anybody.
    type: str
    choices: [direct, none]
    default: direct
  tunnel_address:
    description:
      - Where a tunnel to the cluster's API begins on the machine that runs Ansible. Empty for none.
      - The certificate is held to the endpoint's own name all the same.
    type: str
    default: ''
  tunnel_port:
    description: The port there.
    type: int
    default: 0
  cluster_name:
    description: Name of the EKS cluster.
    type: str
    required: true
  prefix:
    description: First part of bucket names.
    type: str
    required: true
  zones:
    description:
      - Zones of the network, whose subnets' ranges the network policies name.
      - Those of C(vpc_availability_zones) where the inventory sets it.
    type: list
    elements: str
    required: true
  namespaces:
    description: The namespaces, with Pod Security, a quota and limits for containers that set none.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name.
        type: str
        required: true
      pod_security:
        description: Pods that do not keep to it are refused; V(restricted) unless set.
        type: str
        choices: [privileged, baseline, restricted]
      quota:
        description: Of a ResourceQuota, its C(hard) limits.
        type: dict
      limits:
        description: Of a LimitRange, what it says of containers (C(default), C(defaultRequest), C(max), ...).
        type: dict
  namespace:
    description: The one of them in which agent and consumers run; nothing in it may talk to anything but what the platform needs.
    type: str
    default: agents
  jobs_namespace:
    description:
      - The one of O(namespaces) in which the platform's own Jobs run, the database's schema and the proof of the flows, with
        network policies for them. Empty where none runs.
      - Not that of the agents, since who may start pods there could have them run as the Jobs' service accounts.
    type: str
    default: ""
  service_accounts:
    description: Service accounts as namespace and name, those to which C(eks_workloads) and C(eks_service_accounts) bind the roles.
    type: list
    elements: str
    default:
      - agents/agent
      - agents/consumers
  registry:
    description: Registry of images that name none. Empty for the account's own ECR in the region.
    type: str
    default: ''
  agent_name:
    description: Name of the agent's Deployment and of what belongs to it.
    type: str
    default: agent
  agent_image:
    description: The agent's image with its tag or digest, with or without a registry.
    type: str
    required: true
  agent_service_account:
    description: Its service account in the namespace.
    type: str
    default: agent
  agent_port:
    description: 'Port on which it answers: the target group''s.'
    type: int
    default: 8080
  agent_health_path:
    description: 'Path of its probes: the target group''s.'
    type: str
    default: /healthz
  agent_node_selector:
    description: 'Labels of the nodes that it runs on: those of the AI node group. Empty for any.'
    type: dict
    default: {}
  agent_tolerations:
    description: 'Taints that it tolerates: that of the AI node group.'
    type: list
    elements: dict
    default: []
  agent_resources:
    description: What a pod asks for, and its limits.
    type: dict
    required: true
  agent_grace_seconds:
    description: How long a pod may take to stop; longer than the target group goes on sending to it.
    type: int
    default: 150
  agent_min_replicas:
    description: Least number of pods.
    type: int
    default: 2
  agent_max_replicas:
    description: Greatest number of pods.
    type: int
    default: 10
  agent_cpu_percent:
    description: Average use of the requested processor above which pods are added.
    type: int
    default: 70
  agent_memory_percent:
    description: Average use of the requested memory above which pods are added.
    type: int
    default: 80
  agent_request_metric:
    description: A metric of the agent's pods above whose average pods are added, too. Left out of the autoscaler while the cluster
      serves no custom metrics (C(custom.metrics.k8s.io)), since it would never scale down again. Empty for none.
    type: dict
    default: {}
    suboptions:
      name:
        description: Its name.
        type: str
      average_value:
        description: The average for each pod, as a quantity.
        type: str
  agent_scale_up_pods:
    description: At most so many pods are added a minute.
    type: int
    default: 2
  agent_scale_down_pods:
    description: At most so many pods are taken away a minute.
    type: int
    default: 1
  agent_scale_down_seconds:
    description: How long fewer pods have to be enough before one is taken away.
    type: int
    default: 300
  consumers:
    description: Deployments that read queues, which KEDA scales on the number of messages in them.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name.
        type: str
        required: true
      image:
        description: Image with its tag or digest.
        type: str
        required: true
      service_account:
        description: Its service account in the namespace.
        type: str
        required: true
      queues:
        description: Names of the queues, as C(messaging_topics) has them.
        type: list
        elements: str
        required: true
      min_replicas:
        description: Least number of pods, instead of O(consumer_min_replicas).
        type: int
      max_replicas:
        description: Greatest number of pods, instead of O(consumer_max_replicas).
        type: int
      messages_per_pod:
        description: A pod more for each so many messages; 10 unless set.
        type: int
      grace_seconds:
        description: How long a pod may take to finish what it works on; 60 unless set.
        type: int
      resources:
        description: What a pod asks for, instead of O(consumer_resources).
        type: dict
  consumer_resources:
    description: What a consumer's pod asks for, and its limits.
    type: dict
    required: true
  consumer_min_replicas:
    description: Least number of pods of a consumer. With 0 there is none while its queues are empty.
    type: int
    default: 0
  consumer_max_replicas:
    description: Greatest number of pods of a consumer.
    type: int
    default: 20
  metrics_namespace:
    description: A namespace from which metrics may be collected at the agent's port. Empty for none.
    type: str
    default: ''
  public_cidrs:
    description: 'Public ranges that pods may reach on 443: S3 and DynamoDB behind the gateway endpoints, and the providers
      of models.
      Of V(0.0.0.0/0) private and link-local ranges are left out.'
    type: list
    elements: str
    default:
      - 0.0.0.0/0
  tables:
    description: Tables whose names pods are told.
    type: list
    elements: str
    default: []
  buckets:
    description: Buckets whose names pods are told.
    type: list
    elements: str
    default: []
  topics:
    description: Topics whose ARNs pods are told.
    type: list
    elements: str
    default: []
  database:
    description: The database whose endpoint pods are told. Empty for none.
    type: str
    default: ''
  database_name:
    description: Name of the database within it.
    type: str
    default: agentdb
  database_ca:
    description:
      - Path of a file with the authorities that sign RDS's certificates, in PEM form, which pods get as a file whose path
        C(DATABASE_SSLROOTCERT) names.
      - Without it they are told so by a warning, and have to bring those authorities in their images.
    type: path
  database_secret:
    description: The secret C(<environment>/<name>) with user and password of the application. Empty for none.
    type: str
    default: ''
  redis:
    description: Whether there is a cache, whose endpoint pods are told.
    type: bool
    default: true
  redis_secret:
    description: The secret with the cache's AUTH token. Empty for none.
    type: str
    default: ''
  api_secrets:
    description: Secrets of the C(secrets) tier that pods read, as files.
    type: list
    elements: str
    default: []
  secret_refresh:
    description: How often secrets are fetched anew.
    type: str
    default: 5m
  helm_releases:
    description:
      - The controllers, each a Helm chart of just that version, installed in this order. Of C(aws-load-balancer-controller),
        C(cluster-autoscaler), C(karpenter), C(external-secrets) and C(keda) chart, repository, namespace and values are known.
      - C(cluster-autoscaler) or C(karpenter) adds and removes nodes, whichever O(node_autoscaler) names, since it alone has a role.
        C(metrics-server) is an add-on of the C(eks) tier.
      - One that is taken out of the list stays; C(helm uninstall) removes it, with the objects of the kinds that it brought.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the release, and of a chart that is known here.
        type: str
        required: true
      version:
        description: The chart's version.
        type: str
        required: true
      namespace:
        description: One of O(namespaces), or C(kube-system).
        type: str
      chart:
        description: The chart, for one that is not known here.
        type: str
      repository:
        description: URL of its repository; none for a chart in a registry (C(oci://)).
        type: str
      values:
        description: Values over those that are known.
        type: dict
  helm_binary:
    description: Path of Helm. Empty for C(helm) in the C(PATH).
    type: str
    default: ''
  helm_timeout:
    description: How long a release may take to be ready. At most C(14m), since the token that Helm asks the cluster with is good
      for 15 minutes.
    type: str
    default: 10m
  rollout_timeout_seconds:
    description:
      - How long the Deployments may take until all of their pods are available, and External Secrets until it has fetched the
        secrets. V(0) does not look.
      - With O(verb=start) it only looks once, and RV(awaiting) names what does not run yet.
      - What only somebody's hand can mend, such as an image that is not there, is given up after three minutes.
    type: int
    default: 900
  rollout_required:
    description: Whether it fails where they do not come about. Otherwise it warns of them.
    type: bool
    default: true
extends_documentation_fragment:
  - agent_platform.aws.nodes
  - agent_platform.aws.tier
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
requirements:
  - kubernetes >= 29
  - Helm 3, where O(helm_releases) is not empty
"""

EXAMPLES = r"""
- name: Keep the agent running in the cluster
  agent_platform.aws.kubernetes:
    environment: dev
    region: us-east-1
    cluster_name: dev-agent-platform
    prefix: agent
    zones: [us-east-1a, us-east-1b]
    namespaces: [{name: agents}]
    agent_image: agent-platform/agent:1.0.0
    agent_resources: {requests: {cpu: 250m, memory: 512Mi}}
    consumer_resources: {requests: {cpu: 100m, memory: 256Mi}}
"""

RETURN = r"""
plan:
  description: The changes, made or (in check mode) to be made.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: Kind, namespace and name.
      type: str
      sample: deployment/agents/agent
    action:
      description: C(create), C(update), C(delete) or C(adopt).
      type: str
    fields:
      description: Each field that changes, with C(old) and C(new).
      type: list
      elements: dict
resources:
  description: What stands of the configuration, by address, with names.
  returned: success
  type: dict
kept:
  description: Namespaces that are left standing, each with its reason.
  returned: success
  type: list
  elements: dict
warnings:
  description: What is held back until the cluster knows its kind, with the release that brings it.
  returned: when something is held back
  type: list
  elements: str
awaiting:
  description: Addresses that O(verb=start) began or left, and O(verb=await) finishes.
  returned: when O(verb=start) left something
  type: list
  elements: str
"""

from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.kubernetes import TIER as DECLARED


def main():
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

    module = AnsibleAWSModule(argument_spec=DECLARED.argument_spec(), supports_check_mode=True)
    module.fail_json(msg="the kubernetes tier runs where ansible-playbook does: set connection: local")


if __name__ == "__main__":
    main()
