#include "http/header_block.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>
#include <new>
#include <optional>
#include <utility>

namespace dormouse::http {
namespace {

// What an entry of nghttp2's table takes beside the 32 bytes that RFC 7541, 4.1 counts for it.
constexpr std::size_t kEntryBytes = 160;
constexpr std::size_t kFieldOverhead = 32;
constexpr std::size_t kInflaterBytes = 2 << 10;
constexpr std::size_t kStaticEntries = 61;
constexpr std::size_t kUsualText = 1 << 10;
constexpr std::size_t kUsualFields = 16;

const std::uint8_t* bytesOf(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool isValid(const HeaderField& field) {
  return nghttp2_check_header_name(bytesOf(field.name), field.name.size()) != 0 &&
         nghttp2_check_header_value(bytesOf(field.value), field.value.size()) != 0;
}

/// RFC 9113, 8.2.2: what HTTP/1 says of its connection. Name in lower case.
bool isOfConnection(const HeaderField& field) {
  return field.name == "connection" || field.name == "keep-alive" ||
         field.name == "proxy-connection" || field.name == "transfer-encoding" ||
         field.name == "upgrade" || (field.name == "te" && !sameName(field.value, "trailers"));
}

struct Pseudo {
  std::string_view method;
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;
  std::string_view protocol;

  std::string_view* find(std::string_view name) {
    if (name == ":method") return &method;
    if (name == ":scheme") return &scheme;
    if (name == ":authority") return &authority;
    if (name == ":path") return &path;
    return name == ":protocol" ? &protocol : nullptr;
  }
};

/// RFC 9113, 8.3.1 and 8.5; RFC 8441, 4.
std::string_view judgePseudo(const Pseudo& pseudo) {
  if (pseudo.method.empty() ||
      nghttp2_check_method(bytesOf(pseudo.method), pseudo.method.size()) == 0) {
    return "no valid :method";
  }
  if (nghttp2_check_authority(bytesOf(pseudo.authority), pseudo.authority.size()) == 0) {
    return "no valid :authority";
  }
  if (pseudo.method == "CONNECT" && pseudo.protocol.empty()) {
    if (pseudo.authority.empty()) return "CONNECT without :authority";
    return pseudo.scheme.empty() && pseudo.path.empty() ? "" : "CONNECT with a :path";
  }
  if (!pseudo.protocol.empty() && pseudo.method != "CONNECT") return ":protocol without CONNECT";
  if (pseudo.scheme.empty()) return "no :scheme";
  if (pseudo.path.empty() || nghttp2_check_path(bytesOf(pseudo.path), pseudo.path.size()) == 0) {
    return "no valid :path";
  }
  const bool origin = pseudo.path.front() == '/';
  const bool asterisk = pseudo.path == "*" && pseudo.method == "OPTIONS";
  return origin || asterisk ? "" : "no valid :path";
}

std::string_view readLength(const HeaderField& field, std::optional<std::uint64_t>& known) {
  if (known) return "content-length stands twice";
  std::uint64_t length = 0;
  const char* const end = field.value.data() + field.value.size();
  const auto [at, error] = std::from_chars(field.value.data(), end, length);
  if (field.value.empty() || error != std::errc() || at != end) {
    return "content-length is no number";
  }
  known = length;
  return {};
}

/// Of a field that is no pseudo-header: what is wrong with it. Notes the content's length.
std::string_view judgeField(const HeaderField& field, std::optional<std::uint64_t>& length) {
  if (isOfConnection(field)) return "a header field of HTTP/1 connections";
  return field.name == "content-length" ? readLength(field, length) : std::string_view();
}

/// 0: none.
int statusOf(std::string_view text) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 3 || !std::all_of(text.begin(), text.end(), digit)) return 0;
  const int status = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  return status >= 100 && status != 101 ? status : 0;
}

}  // namespace

HeaderDecoder::HeaderDecoder() {
  nghttp2_hd_inflater* inflater = nullptr;
  if (nghttp2_hd_inflate_new(&inflater) != 0) throw std::bad_alloc();
  inflater_.reset(inflater);
  nghttp2_hd_inflate_change_table_size(inflater, kMaxTable);
}

HeaderDecoder::~HeaderDecoder() = default;

void HeaderDecoder::Free::operator()(nghttp2_hd_inflater* inflater) const {
  nghttp2_hd_inflate_del(inflater);
}

bool HeaderDecoder::decode(std::span<const std::uint8_t> block, HeaderList& list) {
  struct Lengths {
    std::size_t name;
    std::size_t value;
  };
  std::vector<Lengths> lengths;
  lengths.reserve(kUsualFields);
  list = {};
  list.text.reserve(kUsualText);
  while (true) {
    nghttp2_nv field{};
    int flags = 0;
    const auto used =
        nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, block.data(), block.size(), 1);
    if (used < 0) return false;
    block = block.subspan(static_cast<std::size_t>(used));
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      // Decoded to its end all the same: the blocks to come depend on the table.
      const std::size_t size = list.text.size() + lengths.size() * kFieldOverhead;
      list.tooLarge |= size + field.namelen + field.valuelen + kFieldOverhead > kMaxList;
      if (!list.tooLarge) {
        list.text.append(reinterpret_cast<const char*>(field.name), field.namelen);
        list.text.append(reinterpret_cast<const char*>(field.value), field.valuelen);
        lengths.push_back({field.namelen, field.valuelen});
      }
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && block.empty()) return false;
  }
  nghttp2_hd_inflate_end_headers(inflater_.get());
  list.fields.reserve(lengths.size());
  std::string_view rest = list.text;
  for (const Lengths& one : lengths) {
    list.fields.push_back({rest.substr(0, one.name), trimmed(rest.substr(one.name, one.value))});
    rest.remove_prefix(one.name + one.value);
  }
  return true;
}

std::size_t HeaderDecoder::memory() const {
  const std::size_t entries = nghttp2_hd_inflate_get_num_table_entries(inflater_.get());
  return kInflaterBytes + nghttp2_hd_inflate_get_dynamic_table_size(inflater_.get()) +
         (entries - std::min(entries, kStaticEntries)) * kEntryBytes;
}

std::string_view readRequestHead(const HeaderList& list, std::vector<HeaderField>& fields,
                                 RequestHead& head) {
  fields.clear();
  fields.reserve(list.fields.size());
  head = {};
  if (list.tooLarge) return "the head is larger than 64 KiB";
  Pseudo pseudo;
  for (const HeaderField& field : list.fields) {
    if (!isValid(field)) return "a header field that is none";
    if (field.name.front() == ':') {
      std::string_view* const known = fields.empty() ? pseudo.find(field.name) : nullptr;
      if (known == nullptr) return "a pseudo-header that must not be there";
      if (known->data() != nullptr) return "a pseudo-header stands twice";
      *known = field.value;
      continue;
    }
    if (const auto wrong = judgeField(field, head.length); !wrong.empty()) return wrong;
    fields.push_back(field);
  }
  if (const std::string_view wrong = judgePseudo(pseudo); !wrong.empty()) return wrong;
  head.majorVersion = 2;
  head.minorVersion = 0;
  head.method = pseudo.method;
  head.scheme = pseudo.scheme;
  head.authority = pseudo.authority;
  head.protocol = pseudo.protocol;
  head.target = pseudo.path.empty() ? pseudo.authority : pseudo.path;
  head.fields = fields;
  head.connect = pseudo.method == "CONNECT";
  return {};
}

std::string_view readResponseHead(const HeaderList& list, std::vector<HeaderField>& fields,
                                  ResponseHead& head) {
  fields.clear();
  fields.reserve(list.fields.size());
  head = {};
  if (list.tooLarge) return "the head is larger than 64 KiB";
  for (const HeaderField& field : list.fields) {
    if (!isValid(field)) return "a header field that is none";
    if (field.name.front() == ':') {
      if (field.name != ":status" || head.status != 0 || !fields.empty()) {
        return "a pseudo-header that must not be there";
      }
      head.status = statusOf(field.value);
      if (head.status == 0) return "no valid :status";
      continue;
    }
    if (const auto wrong = judgeField(field, head.length); !wrong.empty()) return wrong;
    fields.push_back(field);
  }
  if (head.status == 0) return "no valid :status";
  head.fields = fields;
  return {};
}

bool areTrailers(const HeaderList& list) {
  return !list.tooLarge &&
         std::all_of(list.fields.begin(), list.fields.end(), [](const HeaderField& field) {
           return isValid(field) && field.name.front() != ':' && !isOfConnection(field);
         });
}

}  // namespace dormouse::http
