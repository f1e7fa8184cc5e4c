#include "http/http1_parser.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "http/head_parser.h"
#include "http/http2_upgrade.h"

namespace dormouse::http {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kUsualFields = 24;

std::string_view textOf(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Bytes Http1Parser::held() const {
  return {reinterpret_cast<const std::uint8_t*>(held_.data()), held_.size()};
}

Http1Parser::State Http1Parser::feed(Bytes bytes, RequestListener& listener) {
  while (!bytes.empty() && state_ != State::kMalformed) {
    if (state_ != State::kDeciding && state_ != State::kHttp) {
      listener.onOther(bytes);
      break;
    }
    if (inBody_) {
      takeBody(bytes, listener);
    } else {
      takeHead(bytes, listener);
    }
  }
  return state_;
}

void Http1Parser::takeHead(Bytes& bytes, RequestListener& listener) {
  const std::size_t end = end_.find(bytes);
  const bool inPlace = held_.empty() && end != 0;
  const std::size_t taken = inPlace ? end : hold(end == 0 ? bytes : bytes.first(end));
  const Bytes head = inPlace ? bytes.first(end) : held();
  const Bytes fresh = bytes.first(taken);
  bytes = bytes.subspan(taken);
  if (state_ == State::kDeciding && !decide(fresh)) {
    listener.onOther(head);
    return release();
  }
  if (end_.fault() != nullptr) return fail(end_.fault());
  if (head.size() > kMaxHead) return fail("the head is larger than 64 KiB");
  if (state_ == State::kDeciding && inPlace) hold(head);  // The preface has two empty lines.
  if (end == 0 || state_ == State::kDeciding) return;
  if (head.size() > 2) beginRequest(head, listener);  // Else it is an empty line.
  release();
}

bool Http1Parser::decide(Bytes bytes) {
  switch (judge_.feed(bytes)) {
    case FirstBytes::kUndecided:
      return true;
    case FirstBytes::kHttp1:
      state_ = State::kHttp;
      upgrading_ = false;
      return true;
    case FirstBytes::kHttp2:
      state_ = upgrading_ && !http2_ ? State::kTunnel : State::kHttp2;
      break;
    case FirstBytes::kOther:
      state_ = upgrading_ ? State::kTunnel : State::kNotHttp;
      break;
  }
  return false;
}

void Http1Parser::beginRequest(Bytes bytes, RequestListener& listener) {
  RequestHead head;
  std::vector<HeaderField> fields;
  fields.reserve(kUsualFields);
  std::string wrong = parseHead(bytes, fields, head);
  if (!wrong.empty()) return fail(std::move(wrong));
  inBody_ = true;
  upgrade_ = head.upgrade;
  http2_ = asksForHttp2(head);
  connect_ = head.connect;
  left_ = head.length.value_or(0);
  if (!head.length) chunks_.emplace(kMaxHead);
  listener.onHead(head);
  if (!chunks_ && left_ == 0) endRequest(listener);
}

void Http1Parser::takeBody(Bytes& bytes, RequestListener& listener) {
  if (!chunks_) {
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    left_ -= length;
    listener.onBody(bytes.first(length), bytes.first(length));
    bytes = bytes.subspan(length);
    if (left_ == 0) endRequest(listener);
    return;
  }
  const ChunkedBody::Step step = chunks_->next(bytes);
  if (step.used > 0) listener.onBody(bytes.first(step.used), step.content);
  if (chunks_->broken()) return fail("the framing of a chunked body is wrong");
  bytes = bytes.subspan(step.used);
  if (chunks_->done()) endRequest(listener);
}

void Http1Parser::endRequest(RequestListener& listener) {
  inBody_ = false;
  chunks_.reset();
  if (connect_) {
    state_ = State::kTunnel;
  } else if (upgrade_) {
    state_ = State::kDeciding;
    judge_ = {};
    upgrading_ = true;
  }
  listener.onRequestEnd();
}

std::size_t Http1Parser::hold(Bytes bytes) {
  // One byte above the limit is enough to know that it is exceeded.
  const std::size_t room = kMaxHead + 1 - std::min(held_.size(), kMaxHead + 1);
  const std::size_t taken = std::min(bytes.size(), room);
  held_.append(textOf(bytes.first(taken)));
  return taken;
}

void Http1Parser::release() {
  held_ = {};
  end_ = {};
}

void Http1Parser::fail(std::string why) {
  fault_ = std::move(why);
  state_ = State::kMalformed;
  inBody_ = false;
  chunks_.reset();
  release();
}

}  // namespace dormouse::http
