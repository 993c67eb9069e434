"""One Lambda function; its handler is `app.lambda_handler`."""
