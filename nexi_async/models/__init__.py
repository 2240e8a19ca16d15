"""What travels to and from the API, as frozen values."""
