package main

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// serve answers on two ports: the app itself on --listen, and what the tests ask about it, which is
// not part of the mirrored traffic, on --admin.
func serve(arguments []string) {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	address := flags.String("listen", ":8080", "where the app listens")
	adminAddress := flags.String("admin", ":8081", "where the tests ask")
	flags.Parse(arguments)

	record := &Record{}
	go listenAndServe(*adminAddress, adminHandler(record), func(l net.Listener) net.Listener { return l })
	go listenAndServe(*address, appHandler(), record.Listener)

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
}

func listenAndServe(address string, handler http.Handler, wrap func(net.Listener) net.Listener) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fail(err)
	}
	server := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	fail(server.Serve(wrap(listener)))
}

func adminHandler(record *Record) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /connections", func(answer http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(answer).Encode(record.Connections())
	})
	mux.HandleFunc("DELETE /connections", func(http.ResponseWriter, *http.Request) { record.Forget() })
	return mux
}

func appHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", echo)
	mux.HandleFunc("GET /download", download)
	mux.HandleFunc("GET /websocket", websocket)
	mux.HandleFunc("POST /echo.Echo/Say", say)
	return mux
}

// echo says what was asked, and by whom.
func echo(answer http.ResponseWriter, request *http.Request) {
	bytes, err := io.Copy(io.Discard, request.Body)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	answer.Header().Set("Content-Type", "application/json")
	json.NewEncoder(answer).Encode(map[string]any{
		"method": request.Method, "path": request.URL.Path, "bytes": bytes, "remote": request.RemoteAddr})
}

// download answers with ?blocks=N blocks of 64 KiB, one every ?every=DURATION. Block i is filled with
// the byte i, so that the receiver can tell whether one is missing.
func download(answer http.ResponseWriter, request *http.Request) {
	blocks, err := strconv.Atoi(request.URL.Query().Get("blocks"))
	every, err2 := time.ParseDuration(request.URL.Query().Get("every"))
	if err := errors.Join(err, err2); err != nil || blocks < 0 {
		http.Error(answer, "blocks=N&every=DURATION", http.StatusBadRequest)
		return
	}
	answer.Header().Set("Content-Length", strconv.Itoa(blocks*65536))
	block := make([]byte, 65536)
	for number := range blocks {
		for i := range block {
			block[i] = byte(number)
		}
		if _, err := answer.Write(block); err != nil {
			return
		}
		answer.(http.Flusher).Flush()
		time.Sleep(every)
	}
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
