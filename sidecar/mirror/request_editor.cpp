#include "mirror/request_editor.h"

#include <array>
#include <charconv>
#include <utility>

namespace dormouse::mirror {
namespace {

std::string_view textOf(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

bool hasBody(const http::RequestHead& head) {
  return head.length.value_or(1) != 0;
}

/// Where a chunk's content begins: behind up to 16 digits and a line end.
constexpr std::size_t kChunkContent = 18;

bool isChunked(const http::RequestHead& head) {
  return !head.isHttp2() && !head.length;
}

}  // namespace

RequestEditor::RequestEditor(http::Redactor redactor, EditorOptions options, SinkListener& listener,
                             const SinkFactory& makeSink)
    : redactor_(std::move(redactor)),
      options_(std::move(options)),
      listener_(listener),
      sink_(makeSink(*this)) {
  if (redactor_.empty() || sink_->responses() == nullptr) return;
  responses_.emplace(redactor_, *sink_->responses());
}

Reason RequestEditor::open(ConnectionHandle handle, const ConnectionInfo& info) {
  if (handle >= connections_.size()) connections_.resize(handle + std::size_t{1});
  connections_[handle] = Connection{};
  return sink_->open(handle, info);
}

Reason RequestEditor::data(ConnectionHandle handle, std::span<const std::uint8_t> bytes) {
  const Reason refused = takeRefused(handle);
  return answer(handle, refused != Reason::kNone ? refused : sink_->data(handle, bytes));
}

void RequestEditor::close(ConnectionHandle handle, Reason reason, bool reset) {
  if (gathered_.connection == handle) passGathered();
  forgetAll(handle);
  // The sink has forgotten one that it refused; its fate is told at the batch's end.
  if (connections_[handle].refused == Reason::kNone) sink_->close(handle, reason, reset);
}

Reason RequestEditor::judgeRequest(const RequestInfo& request) {
  if (request.head.isHttp2() && request.head.method == "CONNECT" && !redactor_.empty()) {
    return Reason::kRedactionNeedsHttp;
  }
  if (hasBody(request.head)) {
    const Body body = redactor_.judgeFields(request.head.fields);
    const bool large = request.head.length.value_or(0) > options_.maxBody;
    if (body == Body::kOpaque || (body == Body::kJson && large)) return Reason::kUnredactable;
  }
  return sink_->judgeRequest(request);
}

Reason RequestEditor::beginRequest(RequestId id, const RequestInfo& request) {
  const Reason refused = takeRefused(id.connection);
  if (refused != Reason::kNone) return answer(id.connection, refused);
  const Body body =
      hasBody(request.head) ? redactor_.judgeFields(request.head.fields) : Body::kPlain;
  const bool chunked = isChunked(request.head) && !redactor_.empty();
  if (body == Body::kPlain && !chunked) {
    return answer(id.connection, begin(id, request.head, request.timestamp));
  }
  Request& edited = connections_[id.connection].requests[id.number];
  edited.http2 = request.head.isHttp2();
  edited.chunked = chunked;
  edited.body = body;
  if (body == Body::kPlain) {
    return answer(id.connection, begin(id, request.head, request.timestamp));
  }
  edited.head = std::make_unique<http::EditedHead>(request.head);
  edited.timestamp = request.timestamp;
  return hold(id, edited, {});
}

Reason RequestEditor::begin(RequestId id, const http::RequestHead& head, WallTime timestamp) {
  const http::HeadEdits edits{&redactor_, options_.mark, std::nullopt, false};
  if (!edits.change(head)) return sink_->beginRequest(id, {head, timestamp});
  const http::EditedHead edited(head, edits);
  return sink_->beginRequest(id, {edited.head(), timestamp});
}

Reason RequestEditor::requestBody(RequestId id, std::span<const std::uint8_t> raw,
                                  std::span<const std::uint8_t> content) {
  const Reason refused = takeRefused(id.connection);
  if (refused != Reason::kNone) return answer(id.connection, refused);
  Request* const request = find(id);
  if (request == nullptr) {
    return answer(id.connection, sink_->requestBody(id, raw, content));
  }
  if (request->leftOut != Reason::kNone) return Reason::kNone;
  if (request->chunked) keepFraming(*request, content.empty() ? textOf(raw) : std::string_view());
  if (request->body != Body::kPlain) {
    return answer(id.connection, hold(id, *request, textOf(content)));
  }
  if (content.empty()) return Reason::kNone;
  return answer(id.connection, pass(id, false, true, textOf(content)));
}

Reason RequestEditor::pass(RequestId id, bool http2, bool chunked, std::string_view content) {
  if (content.empty()) return Reason::kNone;
  if (!chunked) {
    return sink_->requestBody(id, bytesOf(http2 ? std::string_view() : content), bytesOf(content));
  }
  if (!gathers(id)) passGathered();
  gathered_ = id;
  if (chunk_.empty()) chunk_.resize(kChunkContent);
  chunk_.append(content);
  return chunk_.size() - kChunkContent < kGather ? Reason::kNone : passChunk();
}

Reason RequestEditor::passChunk(std::string_view last) {
  const std::size_t size = chunk_.size() - kChunkContent;
  std::array<char, 16> digits{};
  const auto count = static_cast<std::size_t>(
      std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr - digits.data());
  const std::size_t begin = kChunkContent - 2 - count;
  chunk_.replace(begin, count, digits.data(), count);
  chunk_.replace(kChunkContent - 2, 2, "\r\n");
  chunk_.append("\r\n").append(last);
  const std::span<const std::uint8_t> bytes = bytesOf(chunk_);
  const Reason refused =
      sink_->requestBody(gathered_, bytes.subspan(begin), bytes.subspan(kChunkContent, size));
  chunk_.clear();  // Its memory is used again.
  return refused;
}

void RequestEditor::passGathered() {
  if (chunk_.empty()) return;
  const RequestId id = gathered_;
  taken(id, passChunk());
}

void RequestEditor::keepFraming(Request& request, std::string_view raw) {
  if (raw.empty()) {
    request.framing.clear();
  } else if (!request.trailersDropped) {
    request.framing += raw;
    if (recharge(request)) return;
    request.framing = {};
    request.trailersDropped = true;
    recharge(request);  // It fitted before.
  }
}

Reason RequestEditor::hold(RequestId id, Request& request, std::string_view content) {
  // While nothing is known, no more has come than spaces, and a part of a character.
  if (request.body == Body::kUndecided && !content.empty()) {
    request.content += content;
    request.body = http::Redactor::judgeNext(request.start, content);
    if (request.body == Body::kPlain) return release(id, request);
  } else if (content.size() <= options_.maxBody - request.content.size()) {
    request.content += content;
  } else {
    request.body = Body::kOpaque;
  }
  if (request.body == Body::kOpaque || request.content.size() > options_.maxBody) {
    leaveOut(request, Reason::kUnredactable);
  } else if (!recharge(request)) {
    leaveOut(request, Reason::kOverBudget);
  }
  return Reason::kNone;
}

Reason RequestEditor::release(RequestId id, Request& request) {
  const std::unique_ptr<http::EditedHead> head = std::move(request.head);
  const std::string content = std::exchange(request.content, {});
  const WallTime timestamp = request.timestamp;
  const bool http2 = request.http2;
  const bool chunked = request.chunked;
  recharge(request);
  if (!chunked) forget(id);  // The rest simply passes.
  const Reason refused = begin(id, head->head(), timestamp);
  return refused != Reason::kNone ? refused : pass(id, http2, chunked, content);
}

void RequestEditor::leaveOut(Request& request, Reason reason) {
  request.leftOut = reason;
  request.head.reset();
  request.content = {};
  request.framing = {};
  recharge(request);
}

bool RequestEditor::recharge(Request& request) {
  memory_.give(std::exchange(request.charge, 0));
  const std::size_t charge = (request.head ? request.head->size() : 0) +
                             request.content.capacity() + request.framing.capacity();
  if (!memory_.take(charge)) return false;
  request.charge = charge;
  return true;
}

void RequestEditor::endRequest(RequestId id, std::span<const http::HeaderField> trailers) {
  Request* const request = find(id);
  Reason leftOut = connections_[id.connection].refused;
  if (request != nullptr && leftOut == Reason::kNone) leftOut = endEdited(id, *request);
  const bool newBody = request != nullptr && request->newBody;
  forget(id);
  if (leftOut != Reason::kNone) return listener_.onRequestSettled(id, leftOut);
  http::RequestHead fields;
  fields.fields = trailers;
  const http::HeadEdits edits{&redactor_, {}, std::nullopt, newBody};
  if (!edits.change(fields)) return sink_->endRequest(id, trailers);
  const http::EditedHead edited(fields, edits);
  sink_->endRequest(id, edited.head().fields);
}

Reason RequestEditor::endEdited(RequestId id, Request& request) {
  if (request.body != Body::kPlain) {
    const Reason leftOut = endHeld(id, request);
    if (leftOut != Reason::kNone) return leftOut;
  }
  if (!request.chunked) return Reason::kNone;
  const std::string last = request.trailersDropped
                               ? "0\r\n\r\n"
                               : http::editedTrailers(request.framing, redactor_, request.newBody);
  return taken(id, gathers(id) ? passChunk(last) : sink_->requestBody(id, bytesOf(last), {}));
}

Reason RequestEditor::endHeld(RequestId id, Request& request) {
  if (request.leftOut != Reason::kNone) return request.leftOut;
  const http::RequestHead& head = request.head->head();
  const std::optional<std::string> content = redactor_.body(head.fields, request.content);
  if (!content) return Reason::kUnredactable;
  request.newBody = *content != request.content;
  http::HeadEdits edits{&redactor_, options_.mark, std::nullopt, request.newBody};
  if (head.length) edits.length = content->size();
  const http::EditedHead edited(head, edits);
  // Again, for now its size is known.
  const Reason leftOut = sink_->judgeRequest({edited.head(), request.timestamp});
  if (leftOut != Reason::kNone) return leftOut;
  const Reason refused = taken(id, sink_->beginRequest(id, {edited.head(), request.timestamp}));
  if (refused != Reason::kNone) return refused;
  return taken(id, pass(id, request.http2, request.chunked, *content));
}

Reason RequestEditor::taken(RequestId id, Reason refusal) {
  if (refusal != Reason::kNone) {
    connections_[id.connection].refused = refusal;
    refused_.push_back(id.connection);
  }
  return refusal;
}

void RequestEditor::cancelRequest(RequestId id, Reason reason) {
  const Request* const request = find(id);
  const bool known = request == nullptr || request->body == Body::kPlain;
  forget(id);
  if (known && connections_[id.connection].refused == Reason::kNone) {
    sink_->cancelRequest(id, reason);
  }
}

TimePoint RequestEditor::flush(TimePoint now) {
  passGathered();
  tellRefused();
  return sink_->flush(now);
}

void RequestEditor::finish(const std::function<std::string()>& report) {
  tellRefused();
  sink_->finish(report);
}

void RequestEditor::tellRefused() {
  for (const ConnectionHandle handle : std::exchange(refused_, {})) {
    const Reason reason = takeRefused(handle);
    if (reason != Reason::kNone) onSettled(handle, reason);
  }
}

void RequestEditor::onSettled(ConnectionHandle handle, Reason fate) {
  forgetAll(handle);
  listener_.onSettled(handle, fate);
}

void RequestEditor::onRequestSettled(RequestId request, Reason fate) {
  listener_.onRequestSettled(request, fate);
}

RequestEditor::Request* RequestEditor::find(RequestId id) {
  std::map<std::uint32_t, Request>& requests = connections_[id.connection].requests;
  const auto found = requests.find(id.number);
  return found == requests.end() ? nullptr : &found->second;
}

void RequestEditor::forget(RequestId id) {
  std::map<std::uint32_t, Request>& requests = connections_[id.connection].requests;
  const auto found = requests.find(id.number);
  if (found == requests.end()) return;
  memory_.give(found->second.charge);
  requests.erase(found);
}

void RequestEditor::forgetAll(ConnectionHandle handle) {
  if (gathered_.connection == handle) chunk_.clear();
  std::map<std::uint32_t, Request>& requests = connections_[handle].requests;
  while (!requests.empty()) forget({handle, requests.begin()->first});
}

Reason RequestEditor::answer(ConnectionHandle handle, Reason reason) {
  if (reason != Reason::kNone) forgetAll(handle);
  return reason;
}

Reason RequestEditor::takeRefused(ConnectionHandle handle) {
  return std::exchange(connections_[handle].refused, Reason::kNone);
}

}  // namespace dormouse::mirror
