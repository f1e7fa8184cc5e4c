// Both ends of HTTP/2 by nghttp2 itself, without sockets: bytes in, bytes out.
#pragma once

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dormouse::testing {

using Http2List = std::vector<std::pair<std::string, std::string>>;

/// Points into `fields`.
inline std::vector<nghttp2_nv> nghttp2List(const Http2List& fields) {
  std::vector<nghttp2_nv> list;
  for (const auto& [name, value] : fields) {
    list.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                    reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                    value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return list;
}

/// What the session has to send.
inline std::string nghttp2Output(nghttp2_session* session) {
  std::string out;
  const std::uint8_t* bytes = nullptr;
  while (true) {
    const auto count = nghttp2_session_mem_send(session, &bytes);
    if (count <= 0) return out;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  }
}

inline Http2List http2Get(const std::string& path) {
  return {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
}

inline Http2List http2Post(const std::string& path) {
  return {{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
}

/// A header block without a table: literals, never indexed (RFC 7541, 6.2.3).
inline std::string http2Literals(const Http2List& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block += '\x10';
    block += static_cast<char>(name.size());
    block += name;
    block += static_cast<char>(value.size());
    block += value;
  }
  return block;
}

/// One frame as bytes.
inline std::string http2Frame(int type, int flags, std::uint32_t stream,
                              const std::string& payload) {
  const auto byte = [](std::size_t value) { return static_cast<char>(value & 0xffU); };
  std::string text;
  text += byte(payload.size() >> 16U);
  text += byte(payload.size() >> 8U);
  text += byte(payload.size());
  text += static_cast<char>(type);
  text += static_cast<char>(flags);
  for (const unsigned shift : {24U, 16U, 8U, 0U}) text += byte(stream >> shift);
  return text + payload;
}

/// What a peer says that lets everything through: these settings, and a connection's window that
/// never closes.
inline std::string http2Generous(const std::vector<nghttp2_settings_entry>& settings) {
  std::string payload;
  for (const auto& entry : settings) {
    const auto id = static_cast<std::uint32_t>(entry.settings_id);
    for (const unsigned shift : {8U, 0U}) payload += static_cast<char>(id >> shift & 0xffU);
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
      payload += static_cast<char>(entry.value >> shift & 0xffU);
    }
  }
  return http2Frame(4, 0, 0, payload) + http2Frame(8, 0, 0, std::string("\x70\0\0\0", 4));
}

/// An end that writes what a test asks for: what both ends have in common.
class Http2Writer {
 public:
  Http2Writer(const Http2Writer&) = delete;
  Http2Writer& operator=(const Http2Writer&) = delete;

  void receive(const std::string& bytes) {
    nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                             bytes.size());
  }
  void more(std::int32_t stream, const std::string& body, bool whole) {
    bodies_[stream].left += body;
    bodies_[stream].whole = whole;
    nghttp2_session_resume_data(session_, stream);
  }
  void reset(std::int32_t stream) {
    nghttp2_submit_rst_stream(session_, 0, stream, NGHTTP2_CANCEL);
  }
  void ping() { nghttp2_submit_ping(session_, 0, nullptr); }

  /// What there is to be sent.
  std::string take() { return nghttp2Output(session_); }

  std::size_t padding = 0;  // Bytes that are added to each frame that can have some.

 protected:
  struct Body {
    std::string left;
    bool whole = true;
    Http2List trailers;

    bool nothing() const { return whole && left.empty() && trailers.empty(); }
  };

  /// `make`: nghttp2_session_client_new2 or its like. `table`: how large an HPACK table this end
  /// makes use of, if the other one allows.
  Http2Writer(decltype(&nghttp2_session_client_new2) make, std::size_t table) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_select_padding_callback(
        callbacks,
        [](nghttp2_session*, const nghttp2_frame* frame, std::size_t most, void* user) -> ssize_t {
          const std::size_t wanted = frame->hd.length + static_cast<Http2Writer*>(user)->padding;
          return static_cast<ssize_t>(std::min(wanted, most));
        });
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, table);
    nghttp2_option_set_max_send_header_block_length(option, 1 << 20);
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_option_set_peer_max_concurrent_streams(option, 1 << 20);
    make(&session_, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, 0, nullptr, 0);
  }
  ~Http2Writer() { nghttp2_session_del(session_); }

  nghttp2_session* session() { return session_; }
  /// For a body that gets a stream's number only once it is submitted.
  static nghttp2_data_provider provider() {
    nghttp2_data_provider provider{};
    provider.read_callback = read;
    return provider;
  }
  void setBody(std::int32_t stream, Body body) { bodies_[stream] = std::move(body); }

 private:
  static ssize_t read(nghttp2_session* session, std::int32_t stream, std::uint8_t* to,
                      std::size_t room, std::uint32_t* flags, nghttp2_data_source*, void* user) {
    Body& body = static_cast<Http2Writer*>(user)->bodies_[stream];
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

/// A client that writes what a test asks for.
class Http2Client : public Http2Writer {
 public:
  explicit Http2Client(std::size_t table = 4096)
      : Http2Writer(nghttp2_session_client_new2, table) {}

  /// What a server would answer: its settings, and windows that never close.
  void serverSays(const std::vector<nghttp2_settings_entry>& settings = {}) {
    receive(http2Generous(settings) + http2Frame(4, 1, 0, ""));
  }
  /// Begins a request; `whole`: the body is all of it.
  std::int32_t request(const Http2List& head, const std::string& text = "", bool whole = true,
                       const Http2List& trailers = {}) {
    const auto list = nghttp2List(head);
    const Body body{text, whole, trailers};
    const nghttp2_data_provider source = provider();
    const std::int32_t stream = nghttp2_submit_request(session(), nullptr, list.data(), list.size(),
                                                       body.nothing() ? nullptr : &source, nullptr);
    setBody(stream, body);
    return stream;
  }
};

/// A server that remembers what it got, and answers 200 if it may.
class Http2Server {
 public:
  struct Request {
    Http2List head;
    std::string body;
    Http2List trailers;
    bool whole = false;
    bool reset = false;
  };

  explicit Http2Server(const std::vector<nghttp2_settings_entry>& settings = {}) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t nameLength, const std::uint8_t* value, std::size_t valueLength,
                      std::uint8_t, void* user) {
          Request& request = static_cast<Http2Server*>(user)->requests[frame->hd.stream_id];
          const bool head = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
          (head ? request.head : request.trailers)
              .emplace_back(std::string(reinterpret_cast<const char*>(name), nameLength),
                            std::string(reinterpret_cast<const char*>(value), valueLength));
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                      std::size_t size, void* user) {
          static_cast<Http2Server*>(user)->requests[stream].body.append(
              reinterpret_cast<const char*>(data), size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          return static_cast<Http2Server*>(user)->onFrame(*frame);
        });
    nghttp2_session_server_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, 0, settings.data(), settings.size());
  }
  ~Http2Server() { nghttp2_session_del(session_); }
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;

  /// False if the client has broken the rules.
  bool receive(std::span<const std::uint8_t> bytes) {
    const auto used = nghttp2_session_mem_recv(session_, bytes.data(), bytes.size());
    return used == static_cast<ssize_t>(bytes.size());
  }
  std::string take() { return nghttp2Output(session_); }
  void answer(std::int32_t stream) {
    const Http2List fields = {{":status", "200"}};
    const auto list = nghttp2List(fields);
    nghttp2_submit_response(session_, stream, list.data(), list.size(), nullptr);
  }
  void goAway() { nghttp2_submit_goaway(session_, 0, lastStream, 0, nullptr, 0); }
  void refuse(std::int32_t stream) {
    nghttp2_submit_rst_stream(session_, 0, stream, NGHTTP2_REFUSED_STREAM);
  }
  std::size_t whole() const {
    return static_cast<std::size_t>(std::count_if(
        requests.begin(), requests.end(), [](const auto& item) { return item.second.whole; }));
  }

  std::map<std::int32_t, Request> requests;  // By stream.
  std::int32_t lastStream = 0;
  bool answering = true;
  bool saidGoodbye = false;  // The client's GOAWAY has come.

 private:
  int onFrame(const nghttp2_frame& frame) {
    if (frame.hd.type == NGHTTP2_GOAWAY) saidGoodbye = true;
    if (frame.hd.type == NGHTTP2_RST_STREAM) requests[frame.hd.stream_id].reset = true;
    const bool part = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
    if (!part) return 0;
    lastStream = std::max(lastStream, frame.hd.stream_id);
    if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    requests[frame.hd.stream_id].whole = true;
    if (answering) answer(frame.hd.stream_id);
    return 0;
  }

  nghttp2_session* session_ = nullptr;
};

}  // namespace dormouse::testing
