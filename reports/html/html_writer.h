// How is HTML written so that no content can become markup?
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

namespace holdfast::reports {

/// Text that stands in this program's source: nothing that was read can become one.
class HtmlLiteral {
 public:
  consteval HtmlLiteral(const char* text) : text_(text) {}  // NOLINT: a literal is one
  constexpr std::string_view view() const { return text_; }

 private:
  std::string_view text_;
};

/// An attribute. Its value may be anything: it is cleaned and escaped when it is written. Attributes whose value a
/// browser follows or runs do not compile; links are made by link_to and link_inside.
class HtmlAttribute {
 public:
  consteval static bool is_plain(std::string_view name) {
    const bool runs = name.starts_with("on") || name == "href" || name == "src" || name == "style" || name == "action";
    return !runs && name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
                        std::string_view::npos;
  }
  class Name {
   public:
    consteval Name(const char* text) : text_(text) {  // NOLINT: a literal is one
      if (!is_plain(text_)) throw "this attribute cannot be given a value from content";
    }
    constexpr std::string_view view() const { return text_; }

   private:
    std::string_view text_;
  };

  HtmlAttribute(Name name, std::string_view value) : name_(name.view()), value_(value) {}

  /// A link to a file, seen from the page's folder. It can lead to no other scheme or host, whatever the path holds.
  static HtmlAttribute link_to(const std::filesystem::path& relative);
  /// A link to the element on this page with id "<prefix><number>".
  static HtmlAttribute link_inside(HtmlLiteral prefix, size_t number);

  std::string_view name() const { return name_; }
  const std::string& value() const { return value_; }

 private:
  HtmlAttribute() = default;
  std::string_view name_;
  std::string value_;
};

/// Writes a document from front to back. Elements close themselves, in the order that scopes do.
class HtmlWriter {
 public:
  using Attributes = std::initializer_list<HtmlAttribute>;

  class [[nodiscard]] Element {
   public:
    Element(const Element&) = delete;
    Element& operator=(const Element&) = delete;
    ~Element() { writer_.text_ += "</" + std::string(tag_) + ">"; }

   private:
    friend class HtmlWriter;
    Element(HtmlWriter& writer, std::string_view tag) : writer_(writer), tag_(tag) {}
    HtmlWriter& writer_;
    std::string_view tag_;
  };

  Element open(HtmlLiteral tag, Attributes attributes = {});
  /// An element that has no end tag: <meta>, <input>.
  void single(HtmlLiteral tag, Attributes attributes = {});
  /// An element with nothing in it but text.
  void leaf(HtmlLiteral tag, Attributes attributes, std::string_view content);
  void text(std::string_view content);
  /// A style sheet or script, from this program's source, as it is.
  void verbatim(HtmlLiteral content) { text_ += content.view(); }

  std::string take() && { return std::move(text_); }

 private:
  void begin(std::string_view tag, Attributes attributes);
  std::string text_ = "<!DOCTYPE html>\n";
};

/// The source expression of a Content-Security-Policy that allows exactly this inline script or style.
std::string policy_hash(HtmlLiteral content);

}  // namespace holdfast::reports
