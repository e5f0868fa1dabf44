module github.com/redisconn/redisconn/otelredisconn

go 1.26.0

require (
	github.com/redis/go-redis/v9 v9.23.0
	github.com/redisconn/redisconn v0.0.0
	go.opentelemetry.io/otel v1.47.0
	go.opentelemetry.io/otel/metric v1.47.0
	go.opentelemetry.io/otel/sdk v1.47.0
	go.opentelemetry.io/otel/sdk/metric v1.47.0
	go.opentelemetry.io/otel/trace v1.47.0
)

replace github.com/redisconn/redisconn => ../
