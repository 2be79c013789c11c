"""The constructs: one a file, each with the rules that its kind of resource keeps."""
