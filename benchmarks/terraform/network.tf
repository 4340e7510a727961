resource "aws_vpc" "this" {
  cidr_block           = local.part.vpc.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = local.part.vpc.tags
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = local.part.internet_gateway.tags
}

resource "aws_subnet" "this" {
  for_each          = local.subnets
  vpc_id            = aws_vpc.this.id
  cidr_block        = each.value.cidr
  availability_zone = each.value.zone
  tags              = each.value.tags
}

resource "aws_eip" "this" {
  for_each = local.addresses
  domain   = "vpc"
  tags     = each.value.tags
}

resource "aws_nat_gateway" "this" {
  for_each      = local.nat_gateways
  subnet_id     = aws_subnet.this[each.value.subnet].id
  allocation_id = aws_eip.this[each.value.elastic_ip].id
  tags          = each.value.tags
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route_table" "this" {
  for_each = local.route_tables
  vpc_id   = aws_vpc.this.id
  tags     = each.value.tags
}

resource "aws_route" "this" {
  for_each               = { for name, one in local.route_tables : name => one if one.gateway != null || one.nat_gateway != null }
  route_table_id         = aws_route_table.this[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = each.value.gateway != null ? aws_internet_gateway.this.id : null
  nat_gateway_id         = each.value.nat_gateway != null ? aws_nat_gateway.this[each.value.nat_gateway].id : null
}

resource "aws_route_table_association" "this" {
  for_each       = local.subnets
  subnet_id      = aws_subnet.this[each.key].id
  route_table_id = aws_route_table.this[each.value.route_table].id
}

resource "aws_network_acl" "this" {
  for_each   = local.acls
  vpc_id     = aws_vpc.this.id
  subnet_ids = [for name, one in local.subnets : aws_subnet.this[name].id if one.network_acl == each.key]
  tags       = each.value.tags

  dynamic "ingress" {
    for_each = [for entry in each.value.entries : entry if !entry.egress]
    content {
      rule_no    = ingress.value.number
      protocol   = ingress.value.protocol
      action     = ingress.value.action
      cidr_block = ingress.value.cidr
      from_port  = try(ingress.value.ports[0], 0)
      to_port    = try(ingress.value.ports[1], 0)
      icmp_type  = try(ingress.value.icmp[0], null)
      icmp_code  = try(ingress.value.icmp[1], null)
    }
  }

  dynamic "egress" {
    for_each = [for entry in each.value.entries : entry if entry.egress]
    content {
      rule_no    = egress.value.number
      protocol   = egress.value.protocol
      action     = egress.value.action
      cidr_block = egress.value.cidr
      from_port  = try(egress.value.ports[0], 0)
      to_port    = try(egress.value.ports[1], 0)
      icmp_type  = try(egress.value.icmp[0], null)
      icmp_code  = try(egress.value.icmp[1], null)
    }
  }
}

# What a VPC comes with is emptied.
resource "aws_default_network_acl" "this" {
  default_network_acl_id = aws_vpc.this.default_network_acl_id
  tags                   = local.part.defaults.default_network_acl

  lifecycle {
    ignore_changes = [subnet_ids]
  }
}

resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = local.part.defaults.default_security_group
}

resource "aws_security_group" "this" {
  for_each    = local.security_groups
  vpc_id      = aws_vpc.this.id
  name        = each.value.group_name
  description = each.value.description
  tags        = each.value.tags
}

data "aws_ec2_managed_prefix_list" "cloudfront" {
  name = "com.amazonaws.global.cloudfront.origin-facing"
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each                     = { for name, rule in local.rules : name => rule if rule.direction == "ingress" }
  security_group_id            = aws_security_group.this[each.value.owner].id
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.from
  to_port                      = each.value.to
  description                  = each.value.description
  referenced_security_group_id = can(each.value.group) ? aws_security_group.this[each.value.group].id : null
  prefix_list_id               = can(each.value.prefix_list) ? data.aws_ec2_managed_prefix_list.cloudfront.id : null
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each                     = { for name, rule in local.rules : name => rule if rule.direction == "egress" }
  security_group_id            = aws_security_group.this[each.value.owner].id
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.from
  to_port                      = each.value.to
  description                  = each.value.description
  referenced_security_group_id = can(each.value.group) ? aws_security_group.this[each.value.group].id : null
  cidr_ipv4                    = can(each.value.cidr) ? each.value.cidr : null
}

resource "aws_vpc_endpoint" "this" {
  for_each            = local.endpoints
  vpc_id              = aws_vpc.this.id
  service_name        = each.value.service
  vpc_endpoint_type   = each.value.type
  policy              = jsonencode(each.value.policy)
  subnet_ids          = each.value.type == "Interface" ? [for name in each.value.subnets : aws_subnet.this[name].id] : null
  security_group_ids  = each.value.type == "Interface" ? [for name in each.value.security_groups : aws_security_group.this[name].id] : null
  private_dns_enabled = each.value.type == "Interface" ? true : null
  route_table_ids     = each.value.type == "Gateway" ? [for name in each.value.route_tables : aws_route_table.this[name].id] : null
  tags                = each.value.tags
}

resource "aws_cloudwatch_log_group" "flow_logs" {
  name              = local.part.log_group.name
  kms_key_id        = aws_kms_key.this[local.part.log_group.key].arn
  retention_in_days = local.part.log_group.retention_days
  tags              = local.part.log_group.tags
}

resource "aws_iam_role" "flow_logs" {
  name               = local.part.role.name
  description        = local.part.role.description
  assume_role_policy = jsonencode(local.part.role.trust)
  tags               = local.part.role.tags
}

resource "aws_iam_role_policy" "flow_logs" {
  role   = aws_iam_role.flow_logs.name
  name   = local.part.role.policy_name
  policy = jsonencode(local.part.role.policy)
}

resource "aws_flow_log" "this" {
  vpc_id                   = aws_vpc.this.id
  traffic_type             = local.part.flow_log.traffic
  max_aggregation_interval = local.part.flow_log.interval
  log_destination          = aws_cloudwatch_log_group.flow_logs.arn
  iam_role_arn             = aws_iam_role.flow_logs.arn
  tags                     = local.part.flow_log.tags
}
