"""How clients that wait are told: long poll, event stream, WebSocket, over one view of each job."""
