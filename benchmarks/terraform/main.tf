# The part in plain Terraform, from the same list as all that is measured. Names, settings and tags are the list's.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "part" {
  description = "Path of part.json"
  type        = string
}

variable "endpoint" {
  description = "URL of the proxy before the emulator"
  type        = string
}

provider "aws" {
  region                      = local.part.region
  access_key                  = "testing"
  secret_key                  = "testing"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
  s3_use_path_style           = true

  endpoints {
    cloudwatchlogs = var.endpoint
    dynamodb       = var.endpoint
    ec2            = var.endpoint
    iam            = var.endpoint
    kms            = var.endpoint
    s3             = var.endpoint
    secretsmanager = var.endpoint
    sns            = var.endpoint
    sqs            = var.endpoint
    sts            = var.endpoint
  }
}

locals {
  part            = jsondecode(file(var.part))
  keys            = { for one in local.part.keys : one.name => one }
  subnets         = { for one in local.part.subnets : one.name => one }
  addresses       = { for one in local.part.elastic_ips : one.name => one }
  nat_gateways    = { for one in local.part.nat_gateways : one.name => one }
  route_tables    = { for one in local.part.route_tables : one.name => one }
  acls            = { for one in local.part.network_acls : one.name => one }
  security_groups = { for one in local.part.security_groups : one.name => one }
  endpoints       = { for one in local.part.endpoints : one.name => one }
  secrets         = { for one in local.part.secrets : one.name => one }
  buckets         = { for one in local.part.buckets : one.name => one }
  tables          = { for one in local.part.tables : one.name => one }
  topics          = { for one in local.part.topics : one.name => one }
  # A queue comes after the one that it names for its dead letters.
  dead_letters  = { for one in local.part.queues : one.name => one if !can(one.attributes.RedrivePolicy) }
  queues        = { for one in local.part.queues : one.name => one if can(one.attributes.RedrivePolicy) }
  subscriptions = { for one in local.part.subscriptions : one.topic => one }
  peers = flatten([
    for group in local.part.security_groups : [
      for direction in ["ingress", "egress"] : [
        for rule in group[direction] : merge(rule, { owner = group.name, direction = direction })
      ]
    ]
  ])
  rules = { for rule in local.peers : "${rule.owner} ${rule.direction} ${rule.description}" => rule }
}

resource "aws_kms_key" "this" {
  for_each                = local.keys
  description             = each.value.description
  policy                  = jsonencode(each.value.policy)
  enable_key_rotation     = true
  rotation_period_in_days = each.value.rotation_days
  tags                    = each.value.tags
}

resource "aws_kms_alias" "this" {
  for_each      = local.keys
  name          = each.value.alias
  target_key_id = aws_kms_key.this[each.key].key_id
}

resource "aws_secretsmanager_secret" "this" {
  for_each    = local.secrets
  name        = each.key
  description = each.value.description
  kms_key_id  = aws_kms_key.this[each.value.key].arn
  tags        = each.value.tags
}

resource "aws_secretsmanager_secret_policy" "this" {
  for_each            = local.secrets
  secret_arn          = aws_secretsmanager_secret.this[each.key].arn
  policy              = jsonencode(each.value.policy)
  block_public_policy = true
}
