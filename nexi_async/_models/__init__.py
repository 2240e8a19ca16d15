"""The request and response bodies of the API, as frozen values; amounts are whole minor units everywhere."""
