// The only file that sees RapidJSON, whose parser tells where in the text it is.
#include "http/json_redactor.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

namespace dormouse::http {
namespace {

/// Told of each value of the text in order; builds the result.
class Copier {
 public:
  using Ch = char;
  using Size = rapidjson::SizeType;

  Copier(const MemberMatcher& matcher, std::string_view text, const rapidjson::MemoryStream& stream)
      : matcher_(matcher), text_(text), stream_(stream) {
    result_.reserve(text.size());
  }

  std::string take() {
    result_.append(text_.substr(copied_));
    return std::move(result_);
  }

  // What rapidjson::Reader calls, by its names; false ends the parsing.
  // NOLINTBEGIN(readability-identifier-naming)
  bool Null() { return scalar("null"); }
  bool Bool(bool) { return scalar("false"); }
  bool RawNumber(const Ch*, Size, bool) { return scalar("0"); }
  bool String(const Ch*, Size, bool) { return scalar("\"redacted\""); }
  bool Key(const Ch* name, Size length, bool) {
    member_.assign(name, length);
    at_ = stream_.Tell();
    return true;
  }
  bool StartObject() { return open(false); }
  bool StartArray() { return open(true); }
  bool EndObject(Size) { return close("{}"); }
  bool EndArray(Size) { return close("[]"); }
  // Numbers are not converted.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  // NOLINTEND(readability-identifier-naming)

 private:
  struct Level {
    MemberMatcher::Progress progress;
    bool array = false;
    bool meant = false;     // The whole of it is replaced.
    std::size_t begin = 0;  // Of it in the text.
    std::size_t next = 0;   // The index of an array's next element.
  };

  /// Where the next token begins: only separators can lie between it and the last one.
  std::size_t nextToken() const { return text_.find_first_not_of(" \t\n\r,:", at_); }

  /// Of the value that comes now.
  MemberMatcher::Place place() {
    if (levels_.empty()) return {false, matcher_.start()};
    Level& within = levels_.back();
    if (within.array) return matcher_.enterElement(within.progress, within.next++);
    return matcher_.enterMember(within.progress, member_);
  }

  bool scalar(std::string_view instead) {
    const std::size_t begin = nextToken();
    at_ = stream_.Tell();
    if (place().meant) replace(begin, at_, instead);
    return true;
  }

  bool open(bool array) {
    if (levels_.size() == JsonRedactor::kMaxDepth) return false;
    const MemberMatcher::Place here = place();
    const std::size_t begin = nextToken();
    at_ = begin + 1;
    // Within what is replaced as a whole no path goes on.
    levels_.push_back(
        {here.meant ? MemberMatcher::Progress() : here.progress, array, here.meant, begin, 0});
    return true;
  }

  bool close(std::string_view instead) {
    at_ = nextToken() + 1;
    if (levels_.back().meant) replace(levels_.back().begin, at_, instead);
    levels_.pop_back();
    return true;
  }

  void replace(std::size_t begin, std::size_t end, std::string_view instead) {
    result_.append(text_.substr(copied_, begin - copied_)).append(instead);
    copied_ = end;
  }

  const MemberMatcher& matcher_;
  const std::string_view text_;
  const rapidjson::MemoryStream& stream_;
  std::vector<Level> levels_;
  std::string member_;
  std::size_t at_ = 0;      // The end of the last token.
  std::size_t copied_ = 0;  // What lies before is in the result.
  std::string result_;
};

}  // namespace

std::optional<std::string> JsonRedactor::redact(std::string_view text) const {
  constexpr unsigned kHow = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                            rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  Copier copier(matcher_, text, stream);
  // It takes a NUL for the end, so that there may be more behind it.
  if (reader.Parse<kHow>(stream, copier).IsError() || stream.Tell() != text.size()) {
    return std::nullopt;
  }
  return copier.take();
}

}  // namespace dormouse::http
