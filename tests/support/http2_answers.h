// A server of HTTP/2 that answers what a test asks for: what the pod sends.
#pragma once

#include <string>

#include "tests/support/http2_peers.h"

namespace dormouse::testing {

class Http2Answers : public Http2Writer {
 public:
  /// `allowed`: how large a table its client allows.
  explicit Http2Answers(std::uint32_t table = 4096, std::uint32_t allowed = 4096)
      : Http2Writer(nghttp2_session_server_new2, table) {
    receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
            http2Generous({{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, allowed},
                           {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1U << 30U},
                           {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1U << 20U}}));
  }

  /// The client's request has come.
  void asked(std::uint32_t stream, const Http2List& head = http2Get("/")) {
    receive(http2Frame(1, 5, stream, http2Literals(head)));
  }
  void interim(std::int32_t stream, const Http2List& fields) {
    const auto list = nghttp2List(fields);
    nghttp2_submit_headers(session(), 0, stream, nullptr, list.data(), list.size(), nullptr);
  }
  /// `whole`: nothing follows but the trailers.
  void answer(std::int32_t stream, const Http2List& head, const std::string& text = "",
              bool whole = true, const Http2List& trailers = {}) {
    const auto list = nghttp2List(head);
    const Body body{text, whole, trailers};
    const nghttp2_data_provider source = provider();
    setBody(stream, body);
    nghttp2_submit_response(session(), stream, list.data(), list.size(),
                            body.nothing() ? nullptr : &source);
  }
  /// Promises a response that nobody asked for, and gives it.
  void push(std::int32_t stream, const Http2List& head, const Http2List& response) {
    const auto list = nghttp2List(head);
    const auto promised =
        nghttp2_submit_push_promise(session(), 0, stream, list.data(), list.size(), nullptr);
    answer(promised, response, "pushed");
  }
};

}  // namespace dormouse::testing
