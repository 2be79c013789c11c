"""What stands around the CDK app: the CDK CLI, what it wrote, the account, and what goes there after it."""
