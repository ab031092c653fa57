"""Types of questions and answers, written from a gateway's OpenAPI document."""
