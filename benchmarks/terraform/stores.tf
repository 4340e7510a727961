resource "aws_s3_bucket" "this" {
  for_each            = local.buckets
  bucket              = each.key
  object_lock_enabled = each.value.lock != null
  tags                = each.value.tags
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = local.buckets
  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = each.value.key != null ? true : null

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.value.key != null ? "aws:kms" : "AES256"
      kms_master_key_id = each.value.key != null ? aws_kms_key.this[each.value.key].arn : null
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id
  policy = each.value.key == null ? jsonencode(each.value.policy) : replace(
    # jsonencode writes < and > as \u003c and \u003e.
    replace(replace(jsonencode(each.value.policy), "\\u003c", "<"), "\\u003e", ">"), "<<${each.value.key}>>", aws_kms_key.this[each.value.key].arn
  )
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id

  dynamic "rule" {
    for_each = each.value.lifecycle
    content {
      id     = rule.value.ID
      status = rule.value.Status

      filter {
        prefix = ""
      }

      dynamic "abort_incomplete_multipart_upload" {
        for_each = can(rule.value.AbortIncompleteMultipartUpload) ? [rule.value.AbortIncompleteMultipartUpload] : []
        content {
          days_after_initiation = abort_incomplete_multipart_upload.value.DaysAfterInitiation
        }
      }

      dynamic "expiration" {
        for_each = can(rule.value.Expiration) ? [rule.value.Expiration] : []
        content {
          days                         = try(expiration.value.Days, null)
          expired_object_delete_marker = try(expiration.value.ExpiredObjectDeleteMarker, null)
        }
      }

      dynamic "noncurrent_version_expiration" {
        for_each = can(rule.value.NoncurrentVersionExpiration) ? [rule.value.NoncurrentVersionExpiration] : []
        content {
          noncurrent_days = noncurrent_version_expiration.value.NoncurrentDays
        }
      }

      dynamic "transition" {
        for_each = try(rule.value.Transitions, [])
        content {
          days          = transition.value.Days
          storage_class = transition.value.StorageClass
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each      = { for name, one in local.buckets : name => one if one.log_target != null }
  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this[each.value.log_target].id
  target_prefix = each.value.log_prefix
  depends_on    = [aws_s3_bucket_policy.this]
}

resource "aws_s3_bucket_object_lock_configuration" "this" {
  for_each = { for name, one in local.buckets : name => one if one.lock != null }
  bucket   = aws_s3_bucket.this[each.key].id

  rule {
    default_retention {
      mode = each.value.lock.Mode
      days = each.value.lock.Days
    }
  }
}

resource "aws_dynamodb_table" "this" {
  for_each                    = local.tables
  name                        = each.key
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.keys[0]
  range_key                   = try(each.value.keys[1], null)
  stream_enabled              = true
  stream_view_type            = each.value.stream
  deletion_protection_enabled = true
  tags                        = each.value.tags

  dynamic "attribute" {
    for_each = each.value.attributes
    content {
      name = attribute.key
      type = attribute.value
    }
  }

  dynamic "global_secondary_index" {
    for_each = each.value.indexes
    content {
      name            = global_secondary_index.value.name
      hash_key        = global_secondary_index.value.keys[0]
      range_key       = try(global_secondary_index.value.keys[1], null)
      projection_type = "ALL"
    }
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.this[each.value.key].arn
  }

  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = each.value.recovery_days
  }

  ttl {
    enabled        = true
    attribute_name = each.value.ttl
  }
}

resource "aws_sns_topic" "this" {
  for_each          = local.topics
  name              = each.key
  kms_master_key_id = aws_kms_key.this[each.value.key].arn
  policy            = jsonencode(each.value.policy)
  tracing_config    = each.value.tracing
  signature_version = tonumber(each.value.signature_version)
  tags              = each.value.tags
}

resource "aws_sqs_queue" "dead_letters" {
  for_each                          = local.dead_letters
  name                              = each.key
  kms_master_key_id                 = aws_kms_key.this[each.value.key].arn
  kms_data_key_reuse_period_seconds = tonumber(each.value.attributes.KmsDataKeyReusePeriodSeconds)
  receive_wait_time_seconds         = tonumber(each.value.attributes.ReceiveMessageWaitTimeSeconds)
  max_message_size                  = tonumber(each.value.attributes.MaximumMessageSize)
  message_retention_seconds         = tonumber(each.value.attributes.MessageRetentionPeriod)
  visibility_timeout_seconds        = tonumber(each.value.attributes.VisibilityTimeout)
  policy                            = jsonencode(each.value.attributes.Policy)
  redrive_allow_policy              = jsonencode(each.value.attributes.RedriveAllowPolicy)
  tags                              = each.value.tags
}

resource "aws_sqs_queue" "this" {
  for_each                          = local.queues
  name                              = each.key
  kms_master_key_id                 = aws_kms_key.this[each.value.key].arn
  kms_data_key_reuse_period_seconds = tonumber(each.value.attributes.KmsDataKeyReusePeriodSeconds)
  receive_wait_time_seconds         = tonumber(each.value.attributes.ReceiveMessageWaitTimeSeconds)
  max_message_size                  = tonumber(each.value.attributes.MaximumMessageSize)
  message_retention_seconds         = tonumber(each.value.attributes.MessageRetentionPeriod)
  visibility_timeout_seconds        = tonumber(each.value.attributes.VisibilityTimeout)
  policy                            = jsonencode(each.value.attributes.Policy)
  redrive_policy                    = jsonencode(each.value.attributes.RedrivePolicy)
  tags                              = each.value.tags
  depends_on                        = [aws_sqs_queue.dead_letters]
}

resource "aws_sns_topic_subscription" "this" {
  for_each             = local.subscriptions
  topic_arn            = each.value.topic
  protocol             = "sqs"
  endpoint             = each.value.queue
  raw_message_delivery = true
  redrive_policy       = jsonencode(each.value.attributes.RedrivePolicy)
  depends_on           = [aws_sns_topic.this, aws_sqs_queue.this, aws_sqs_queue.dead_letters]
}
