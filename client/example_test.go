package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/notpanel/notpanel/client"
)

func ExampleNew() {
	_, err := client.New("np_live_cut", "https://panel.example")
	fmt.Println(errors.Is(err, client.ErrMalformedKey))
	// Output: true
}

func ExampleClient_Add() {
	panel, err := client.New(os.Getenv("NOTPANEL_KEY"), "https://panel.example")
	if err != nil {
		log.Fatal(err)
	}
	placed, err := panel.Add(context.Background(), client.OrderRequest{
		Service: 1, Link: "https://example.com/landing", Quantity: 1000, MaxCharge: "2.00",
	})
	if doubt, ok := errors.AsType[*client.UncertainError](err); ok {
		log.Fatalf("perhaps placed: ask again with the request id %s", doubt.RequestID)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(placed.Order, placed.Charge, placed.Currency)
}

func ExampleClient_AllOrders() {
	panel, err := client.New(os.Getenv("NOTPANEL_KEY"), "https://panel.example")
	if err != nil {
		log.Fatal(err)
	}
	for order, err := range panel.AllOrders(context.Background(), client.OrderFilter{Status: client.StatusPartial}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(order.Number, order.Refunded)
	}
}

func ExampleVerifier_VerifyRequest() {
	verifier, err := client.NewVerifier([]string{os.Getenv("WEBHOOK_SECRET")})
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /notpanel", func(w http.ResponseWriter, r *http.Request) {
		event, err := verifier.VerifyRequest(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if event.Order != nil {
			fmt.Println(event.Order.RequestID, event.Order.Status)
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func ExampleAmount_Rat() {
	rate, err := client.Amount("0.42").Rat()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rate.Add(rate, rate).FloatString(2))
	// Output: 0.84
}
