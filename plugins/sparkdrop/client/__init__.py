"""The API's client: what a program without AWS credentials needs to upload files and to follow them."""
