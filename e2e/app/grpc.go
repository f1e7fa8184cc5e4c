package main

import (
	"io"
	"net/http"
)

// say is a unary gRPC call without gRPC's library: a length-prefixed message comes, goes back as it is,
// and the status follows in the trailers.
func say(answer http.ResponseWriter, request *http.Request) {
	answer.Header().Set("Content-Type", "application/grpc")
	answer.Header().Set("Trailer", "Grpc-Status")
	status := "0"
	if _, err := io.Copy(answer, request.Body); err != nil {
		status = "13" // INTERNAL
	}
	answer.Header().Set("Grpc-Status", status)
}
