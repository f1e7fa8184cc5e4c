#include "replay/http2_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace dormouse::replay {
namespace {

// Beside what a sidecar takes for a head, HPACK's worst case and what a mirror may add.
constexpr std::size_t kMaxHead = 256 << 10;
constexpr std::int32_t kMaxWindow = std::numeric_limits<std::int32_t>::max();

// nghttp2 takes the fields' bytes as not const, and changes nothing.
std::uint8_t* bytesOf(const std::string& text) {
  return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
}

std::vector<nghttp2_nv> toNghttp2(const Http2Fields& fields) {
  std::vector<nghttp2_nv> list;
  list.reserve(fields.size());
  for (const auto& [name, value] : fields) {
    list.push_back(
        {bytesOf(name), bytesOf(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return list;
}

}  // namespace

struct Http2Session::Callbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

  static Http2Request* find(Http2Session& session, std::int32_t stream) {
    const auto found = session.requests_.find(stream);
    return found == session.requests_.end() ? nullptr : found->second;
  }

  static ssize_t readBody(nghttp2_session* raw, std::int32_t stream, std::uint8_t* to,
                          std::size_t room, std::uint32_t* flags, nghttp2_data_source*,
                          void* user) {
    Http2Session& session = self(user);
    Http2Request* const request = find(session, stream);
    if (request == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t count = std::min(room, request->bodyLeft());
    if (count == 0 && !request->whole) return NGHTTP2_ERR_DEFERRED;
    std::memcpy(to, request->body.data() + request->bodySent, count);
    request->bodySent += count;
    session.owner_.onBodyTaken(*request, count);
    if (!request->whole || request->bodyLeft() > 0) return static_cast<ssize_t>(count);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!request->trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto list = toNghttp2(request->trailers);
      const int error = nghttp2_submit_trailer(raw, stream, list.data(), list.size());
      if (error != 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return static_cast<ssize_t>(count);
  }

  static int onFrameSent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& session = self(user);
    const bool headers = frame->hd.type == NGHTTP2_HEADERS;
    if (!headers && frame->hd.type != NGHTTP2_DATA) return 0;
    Http2Request* const request = find(session, frame->hd.stream_id);
    if (request == nullptr) return 0;
    if (!std::exchange(request->headSent, true)) {
      ++session.begun_;
      session.owner_.onBegun(*request);
    }
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    session.requests_.erase(frame->hd.stream_id);
    session.unanswered_.emplace(request->number, frame->hd.stream_id);
    session.owner_.onSent(*request);
    return 0;
  }

  static int onFrameNotSent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    // The stream of a request that nghttp2 will not begin is not always closed as well.
    const bool request =
        frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    const bool goodbye =
        error == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED || error == NGHTTP2_ERR_SESSION_CLOSING;
    if (request) forget(self(user), frame->hd.stream_id, goodbye);
    return 0;
  }

  static int onStreamClosed(nghttp2_session*, std::int32_t stream, std::uint32_t error,
                            void* user) {
    forget(self(user), stream, error == NGHTTP2_REFUSED_STREAM);
    return 0;
  }

  static void forget(Http2Session& session, std::int32_t stream, bool refused) {
    const auto open = session.open_.find(stream);
    if (open == session.open_.end()) return;
    session.unanswered_.erase(open->second);
    session.open_.erase(open);
    Http2Request* const request = find(session, stream);
    if (request == nullptr) return;
    session.requests_.erase(stream);
    session.owner_.onClosed(*request, refused);
  }

  static int onFrameReceived(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& session = self(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) session.goingAway_ = true;
    if (frame->hd.type == NGHTTP2_SETTINGS) session.ready_ = true;
    return 0;
  }
};

Http2Session::Http2Session(Http2SessionOwner& owner) : owner_(owner) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  nghttp2_session* session = nullptr;
  int error = nghttp2_session_callbacks_new(&callbacks);
  if (error == 0) error = nghttp2_option_new(&option);
  if (error == 0) {
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::onFrameSent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, Callbacks::onFrameNotSent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::onStreamClosed);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::onFrameReceived);
    // What the program answers is not judged, only thrown away.
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_send_header_block_length(option, kMaxHead);
    error = nghttp2_session_client_new2(&session, callbacks, this, option);
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (error != 0) throw std::bad_alloc();
  session_.reset(session);
  const std::array<nghttp2_settings_entry, 2> settings{
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(kMaxWindow)}}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kMaxWindow);
}

Http2Session::~Http2Session() = default;

void Http2Session::Free::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

bool Http2Session::accepts() const {
  if (!ready_ || goingAway_ || !fault_.empty()) return false;
  const std::uint32_t most =
      nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return open_.size() < std::min<std::size_t>(most, kMaxStreams) &&
         nghttp2_session_check_request_allowed(session_.get()) != 0;
}

void Http2Session::submit(Http2Request& request) {
  const auto list = toNghttp2(request.head);
  const bool headAlone = request.whole && request.bodyLeft() == 0 && request.trailers.empty();
  nghttp2_data_provider body{};
  body.read_callback = Callbacks::readBody;
  const std::int32_t stream = nghttp2_submit_request(
      session_.get(), nullptr, list.data(), list.size(), headAlone ? nullptr : &body, nullptr);
  if (stream < 0) {  // No memory, or no stream id is left.
    goingAway_ = true;
    owner_.onClosed(request, true);
    return;
  }
  request.stream = stream;
  requests_.emplace(stream, &request);
  open_.emplace(stream, request.number);
}

void Http2Session::resume(const Http2Request& request) {
  // Fails if it was not deferred, which means nothing.
  nghttp2_session_resume_data(session_.get(), request.stream);
}

void Http2Session::reset(Http2Request& request) {
  requests_.erase(request.stream);
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, request.stream, NGHTTP2_CANCEL);
}

void Http2Session::forgo(std::uint32_t number) {
  const auto found = unanswered_.find(number);
  if (found == unanswered_.end()) return;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, found->second, NGHTTP2_CANCEL);
  unanswered_.erase(found);
}

void Http2Session::close() {
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
}

bool Http2Session::receive(std::span<const std::uint8_t> bytes) {
  const auto used = nghttp2_session_mem_recv(session_.get(), bytes.data(), bytes.size());
  if (used < 0) return fail(static_cast<int>(used));
  // nghttp2 itself says goodbye to what is no HTTP/2: then no SETTINGS will come any more.
  if (!ready_ && nghttp2_session_want_read(session_.get()) == 0) return fail(NGHTTP2_ERR_PROTO);
  return true;
}

bool Http2Session::produce(std::vector<std::uint8_t>& out, std::size_t limit) {
  while (out.size() < limit) {
    const std::uint8_t* bytes = nullptr;
    const auto count = nghttp2_session_mem_send(session_.get(), &bytes);
    if (count < 0) return fail(static_cast<int>(count));
    if (count == 0) break;
    out.insert(out.end(), bytes, bytes + count);
  }
  return true;
}

bool Http2Session::over() const {
  return nghttp2_session_want_read(session_.get()) == 0 &&
         nghttp2_session_want_write(session_.get()) == 0;
}

bool Http2Session::fail(int error) {
  fault_ = nghttp2_strerror(error);
  return false;
}

}  // namespace dormouse::replay
