"""What a run costs, measured side by side with other ways of making the same things. Nothing in the collection imports this."""
