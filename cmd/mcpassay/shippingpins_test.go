package main

var (
	aiSDKPins      = map[string]shippingPin{}
	mcpRemotePins  = map[string]shippingPin{}
	inspectorPins  = map[string]shippingPin{}
	sdkExamplePins = map[string]shippingPin{}
)
