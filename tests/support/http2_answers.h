// A server of HTTP/2 that answers what a test asks for: what the pod sends.
#pragma once

#include <string>

#include "tests/support/http2_peers.h"

namespace dormouse::testing {

class Http2Answers {
 public:
  /// `table`: how large an HPACK table the server makes use of; `allowed`: its client's setting.
  explicit Http2Answers(std::uint32_t table = 4096, std::uint32_t allowed = 4096) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_select_padding_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, std::size_t most, void* user) -> ssize_t {
          const std::size_t wanted = frame->hd.length + static_cast<Http2Answers*>(user)->padding;
          return static_cast<ssize_t>(std::min(wanted, most));
        });
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, table);
    nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_session_server_new2(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, 0, nullptr, 0);
    std::string settings;
    for (const auto& [id, value] :
         {std::pair<std::uint32_t, std::uint32_t>{1, allowed}, {4, 1U << 30U}, {5, 1U << 20U}}) {
      for (const unsigned shift : {8U, 0U}) settings += static_cast<char>(id >> shift & 0xffU);
      for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        settings += static_cast<char>(value >> shift & 0xffU);
      }
    }
    receive("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Http2Client::frame(4, 0, 0, settings) +
            Http2Client::frame(8, 0, 0, std::string("\x70\0\0\0", 4)));
  }
  ~Http2Answers() { nghttp2_session_del(session_); }
  Http2Answers(const Http2Answers&) = delete;
  Http2Answers& operator=(const Http2Answers&) = delete;

  /// The client's request has come.
  void asked(std::uint32_t stream, const Http2List& head = http2Get("/")) {
    receive(Http2Client::frame(1, 5, stream, http2Literals(head)));
  }
  void interim(std::int32_t stream, const Http2List& fields) {
    const auto list = nghttp2List(fields);
    nghttp2_submit_headers(session_, 0, stream, nullptr, list.data(), list.size(), nullptr);
  }
  /// `whole`: nothing follows but the trailers.
  void answer(std::int32_t stream, const Http2List& head, const std::string& body = "",
              bool whole = true, const Http2List& trailers = {}) {
    const auto list = nghttp2List(head);
    nghttp2_data_provider provider{};
    provider.read_callback = read;
    bodies_[stream] = {body, whole, trailers};
    const bool headAlone = whole && body.empty() && trailers.empty();
    nghttp2_submit_response(session_, stream, list.data(), list.size(),
                            headAlone ? nullptr : &provider);
  }
  void more(std::int32_t stream, const std::string& body, bool whole) {
    bodies_[stream].left += body;
    bodies_[stream].whole = whole;
    nghttp2_session_resume_data(session_, stream);
  }
  /// Promises a response that nobody asked for, and gives it.
  void push(std::int32_t stream, const Http2List& head, const Http2List& response) {
    const auto list = nghttp2List(head);
    const auto promised =
        nghttp2_submit_push_promise(session_, 0, stream, list.data(), list.size(), nullptr);
    answer(promised, response, "pushed");
  }
  void reset(std::int32_t stream) {
    nghttp2_submit_rst_stream(session_, 0, stream, NGHTTP2_INTERNAL_ERROR);
  }
  void ping() { nghttp2_submit_ping(session_, 0, nullptr); }

  /// What there is to be sent.
  std::string take() {
    std::string out;
    const std::uint8_t* bytes = nullptr;
    while (true) {
      const auto count = nghttp2_session_mem_send(session_, &bytes);
      if (count <= 0) return out;
      out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
    }
  }

  std::size_t padding = 0;  // Bytes that are added to each frame that can have some.

 private:
  struct Body {
    std::string left;
    bool whole = true;
    Http2List trailers;
  };

  void receive(const std::string& bytes) {
    nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                             bytes.size());
  }
  static ssize_t read(nghttp2_session* session, std::int32_t stream, std::uint8_t* to,
                      std::size_t room, std::uint32_t* flags, nghttp2_data_source*, void* user) {
    Body& body = static_cast<Http2Answers*>(user)->bodies_[stream];
    const std::size_t count = std::min(room, body.left.size());
    if (count == 0 && !body.whole) return NGHTTP2_ERR_DEFERRED;
    std::memcpy(to, body.left.data(), count);
    body.left.erase(0, count);
    if (body.left.empty() && body.whole) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!body.trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto list = nghttp2List(body.trailers);
        nghttp2_submit_trailer(session, stream, list.data(), list.size());
      }
    }
    return static_cast<ssize_t>(count);
  }

  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Body> bodies_;
};

}  // namespace dormouse::testing
