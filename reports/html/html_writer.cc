// How is HTML written so that no content can become markup?
#include "reports/html/html_writer.h"

#include <fmt/format.h>

#include "harness/base/digest.h"
#include "harness/base/text.h"

namespace holdfast::reports {

namespace {

void append_escaped(std::string& to, std::string_view content) {
  for (const char c : printable(content)) {
    switch (c) {
      case '&':
        to += "&amp;";
        break;
      case '<':
        to += "&lt;";
        break;
      case '>':
        to += "&gt;";
        break;
      case '"':
        to += "&quot;";
        break;
      case '\'':
        to += "&#39;";
        break;
      default:
        to += c;
    }
  }
}

/// RFC 4648, section 4.
std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t at) { return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U; };
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (size_t digit = 0; digit < 4; ++digit) {
      text += i + digit <= bytes.size() ? kDigits[group >> (18 - 6 * digit) & 63] : '=';
    }
  }
  return text;
}

}  // namespace

HtmlAttribute HtmlAttribute::link_to(const std::filesystem::path& relative) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  HtmlAttribute link;
  link.name_ = "href";
  link.value_ = relative.is_absolute() ? "file://" : "./";  // so that no colon or slash of the path names a scheme
  for (const char c : relative.string()) {
    link.value_ += kPlain.find(c) != std::string_view::npos ? std::string(1, c)
                                                            : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return link;
}

HtmlAttribute HtmlAttribute::link_inside(HtmlLiteral prefix, size_t number) {
  HtmlAttribute link;
  link.name_ = "href";
  link.value_ = fmt::format("#{}{}", prefix.view(), number);
  return link;
}

void HtmlWriter::begin(std::string_view tag, Attributes attributes) {
  text_ += fmt::format("<{}", tag);
  for (const HtmlAttribute& attribute : attributes) {
    text_ += fmt::format(" {}=\"", attribute.name());
    append_escaped(text_, attribute.value());
    text_ += '"';
  }
  text_ += '>';
}

HtmlWriter::Element HtmlWriter::open(HtmlLiteral tag, Attributes attributes) {
  begin(tag.view(), attributes);
  return {*this, tag.view()};
}

void HtmlWriter::single(HtmlLiteral tag, Attributes attributes) { begin(tag.view(), attributes); }

void HtmlWriter::leaf(HtmlLiteral tag, Attributes attributes, std::string_view content) {
  const Element element = open(tag, attributes);
  text(content);
}

void HtmlWriter::text(std::string_view content) { append_escaped(text_, content); }

std::string policy_hash(HtmlLiteral content) {
  const std::string hex = sha256(content.view());
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(parse_u64(hex.substr(i, 2), 16).value_or(0));
  }
  return fmt::format("'sha256-{}'", base64(bytes));
}

}  // namespace holdfast::reports
