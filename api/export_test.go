package api

// Routes returns the methods by path that the mux answers.
func (s *Server) Routes() map[string][]string { return s.mux.routes }

// Problems returns the list of types in the document.
func Problems() string { return problemList }

// Decode is decode.
func Decode(data []byte, v any) error { return decode(data, v) }
