package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Outcome is what load prints.
type Outcome struct {
	Succeeded int      `json:"succeeded"` // Answered 200, and the app counted as many bytes as were sent.
	Failed    int      `json:"failed"`
	Causes    []string `json:"causes"`    // Of the first failures.
	Addresses []string `json:"addresses"` // Local addresses, one per connection.

	mutex sync.Mutex
}

// load sends requests with bodies of many sizes over several connections, each of which carries
// --per-connection requests.
func load(arguments []string) {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	url := flags.String("url", "", "whom to ask")
	requests := flags.Int("requests", 100, "how many")
	perConnection := flags.Int("per-connection", 10, "requests on each connection")
	parallel := flags.Int("parallel", 4, "connections at a time")
	every := flags.Duration("every", 0, "pause after each request of a connection")
	flags.Parse(arguments)
	if *url == "" || *requests < 1 || *perConnection < 1 || *parallel < 1 {
		fail("load: --url and positive numbers, please")
	}

	outcome := &Outcome{Causes: []string{}, Addresses: []string{}}
	batches := make(chan [2]int)
	var workers sync.WaitGroup
	for range *parallel {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for batch := range batches {
				outcome.connection(*url, batch[0], batch[1], *every)
			}
		}()
	}
	for first := 0; first < *requests; first += *perConnection {
		batches <- [2]int{first, min(*perConnection, *requests-first)}
	}
	close(batches)
	workers.Wait()
	json.NewEncoder(os.Stdout).Encode(outcome)
	if outcome.Failed > 0 {
		os.Exit(1)
	}
}

func (outcome *Outcome) connection(url string, first, count int, every time.Duration) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err == nil {
				outcome.mutex.Lock()
				outcome.Addresses = append(outcome.Addresses, conn.LocalAddr().String())
				outcome.mutex.Unlock()
			}
			return conn, err
		}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	for number := first; number < first+count; number++ {
		err := request(client, url, number)
		outcome.mutex.Lock()
		if err == nil {
			outcome.Succeeded++
		} else {
			outcome.Failed++
			if len(outcome.Causes) < 10 {
				outcome.Causes = append(outcome.Causes, err.Error())
			}
		}
		outcome.mutex.Unlock()
		time.Sleep(every)
	}
}

func request(client *http.Client, url string, number int) error {
	// Mostly small, some of several segments.
	size := rand.Intn(2000)
	if number%20 == 0 {
		size = 20000 + rand.Intn(80000)
	}
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(rand.Intn(256))
	}
	answer, err := client.Post(fmt.Sprintf("%s/request/%d", url, number), "application/octet-stream",
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var said struct{ Bytes int }
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &said); err != nil || answer.StatusCode != 200 || said.Bytes != size {
		return fmt.Errorf("request %d: %s: %s", number, answer.Status, text)
	}
	return nil
}
