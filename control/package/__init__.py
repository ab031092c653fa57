"""`slipway package`: one published version in the form that another way of serving takes."""
