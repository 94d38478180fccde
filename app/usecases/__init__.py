"""What is done: one verb a file. Opens the transaction, asks the domain, calls the stores."""
