"""The gRPC services of the loyalty core: wire in, values out."""
