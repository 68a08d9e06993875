// How does an event become a line of text, and a line an event?
//
// Each struct lists its members once, in a function `fields`; a Writer and a Reader are taken through the same list, so
// that the two directions cannot drift apart. A run tells millions of events: text is written as it comes, without a
// tree in between, and read into memory that is given back at once.
#include "harness/event_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/src.hpp>  // the library itself: this is the one place that uses it
#include <concepts>
#include <type_traits>
#include <utility>

#include "harness/base/nesting.h"
#include "harness/base/text.h"

namespace holdfast {

namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

/// T, const or not: a Writer visits const events, a Reader fills them in.
template <class Given, class T>
concept As = std::same_as<std::remove_const_t<Given>, T>;

template <class Visitor>
void fields(Visitor& visit, As<CaseId> auto& id) {
  visit("suite", id.suite);
  visit("name", id.name);
  visit("device", id.device);
}
template <class Visitor>
void fields(Visitor& visit, As<Where> auto& where) {
  visit("target", where.target);
  visit("id", where.id);
  visit("attempt", where.attempt);
}
template <class Visitor>
void fields(Visitor& visit, As<Evidence> auto& evidence) {
  visit("name", evidence.name);
  visit("text", evidence.text);
}
template <class Visitor>
void fields(Visitor& visit, As<Verdict> auto& verdict) {
  visit("outcome", verdict.outcome);
  visit("type", verdict.type);
  visit("message", verdict.message);
  visit("hint", verdict.hint);
  visit("evidence", verdict.evidence);
}
template <class Visitor>
void fields(Visitor& visit, As<Tally> auto& tally) {
  visit("passed", tally.passed);
  visit("failed", tally.failed);
  visit("errors", tally.errors);
  visit("skipped", tally.skipped);
}
template <class Visitor>
void fields(Visitor& visit, As<RunStarted> auto& event) {
  visit("run_id", event.run_id);
  visit("out_dir", event.out_dir);
  visit("planned", event.planned);
  visit("skipped", event.skipped);
  visit("properties", event.properties);
}
template <class Visitor>
void fields(Visitor& visit, As<SuiteFacts> auto& event) {
  visit("suite", event.suite);
  visit("properties", event.properties);
}
template <class Visitor>
void fields(Visitor& visit, As<CaseStarted> auto& event) {
  visit("where", event.where);
}
template <class Visitor>
void fields(Visitor& visit, As<PhaseStarted> auto& event) {
  visit("where", event.where);
  visit("phase", event.phase);
}
template <class Visitor>
void fields(Visitor& visit, As<PhaseEnded> auto& event) {
  visit("where", event.where);
  visit("phase", event.phase);
  visit("took_ms", event.took);
  visit("ok", event.ok);
}
template <class Visitor>
void fields(Visitor& visit, As<AttemptEnded> auto& event) {
  visit("where", event.where);
  visit("verdict", event.verdict);
  visit("took_ms", event.took);
  visit("properties", event.properties);
  visit("dir", event.dir);
}
template <class Visitor>
void fields(Visitor& visit, As<CaseSettled> auto& event) {
  visit("suite", event.suite);
  visit("target", event.target);
  visit("id", event.id);
  visit("verdict", event.verdict);
  visit("attempts", event.attempts);
  visit("phases_ms", event.phases);
  visit("replay", event.replay);
  visit.optional("milestones_ms", event.milestones);
}
template <class Visitor>
void fields(Visitor& visit, As<Intent> auto& event) {
  visit("where", event.where);
  visit("action", event.action);
  visit("details", event.details);
}
template <class Visitor>
void fields(Visitor& visit, As<FindingAllowed> auto& event) {
  visit("where", event.where);
  visit("kind", event.kind);
  visit("title", event.title);
  visit("phase", event.phase);
  visit("kernel", event.kernel);
  visit("pattern", event.pattern);
  visit("reason", event.reason);
}
template <class Visitor>
void fields(Visitor& visit, As<Recovery> auto& event) {
  visit("target", event.target);
  visit("rung", event.rung);
  visit("ok", event.ok);
  visit("took_ms", event.took);
  visit("why", event.why);
}
template <class Visitor>
void fields(Visitor& visit, As<Note> auto& event) {
  visit("level", event.level);
  visit("text", event.text);
}
template <class Visitor>
void fields(Visitor& visit, As<RunEnded> auto& event) {
  visit("tally", event.tally);
  visit("interrupted", event.interrupted);
  visit("exit_code", event.exit_code);
  visit("took_ms", event.took);
}

template <class Visitor>
void fields(Visitor& visit, As<Milestone> auto& event) {
  visit("where", event.where);
  visit("kexec", event.kexec);
  visit("device", event.device);
  visit("name", event.name);
  visit("at_ms", event.at);
}

/// The names of the alternatives of Event, in its order.
constexpr std::array<std::string_view, std::variant_size_v<Event>> kNames = {
    "run-started", "suite-facts",     "case-started", "phase-started", "phase-ended", "attempt-ended", "case-settled",
    "intent",      "finding-allowed", "recovery",     "note",          "run-ended",   "milestone"};

/// Writes the members of one struct as those of a JSON object.
class Writer {
 public:
  /// Goes on behind what stands in `text`.
  explicit Writer(std::string& text) : text_(text) {}

  template <class T>
  void operator()(const char* name, const T& value) {
    next();
    text_ += '"';
    text_ += name;
    text_ += "\":";
    put(value);
  }
  /// A member that journals of earlier versions do not have.
  template <class T>
  void optional(const char* name, const T& value) {
    if (!value.empty()) (*this)(name, value);
  }

 private:
  void next() {
    if (!text_.ends_with('{') && !text_.ends_with('[')) text_ += ',';
  }
  void put(const std::string& text) {
    text_ += '"';
    for (const char c : printable(text)) {  // of control characters it leaves tab and newline
      if (c == '"' || c == '\\') text_ += '\\';
      if (c == '\n') {
        text_ += "\\n";
      } else if (c == '\t') {
        text_ += "\\t";
      } else {
        text_ += c;
      }
    }
    text_ += '"';
  }
  void put(int number) { text_ += std::to_string(number); }
  void put(bool truth) { text_ += truth ? "true" : "false"; }
  void put(milliseconds span) { text_ += std::to_string(span.count()); }
  void put(Outcome outcome) { put(std::string(to_string(outcome))); }
  void put(Note::Level level) { text_ += level == Note::Level::kWarning ? "\"warning\"" : "\"info\""; }
  template <class T>
  void put(const std::map<std::string, T>& map) {
    text_ += '{';
    for (const auto& [key, value] : map) {
      next();
      put(key);
      text_ += ':';
      put(value);
    }
    text_ += '}';
  }
  template <class T>
  void put(const std::vector<T>& list) {
    text_ += '[';
    for (const T& element : list) {
      next();
      put(element);
    }
    text_ += ']';
  }
  template <class T>
    requires std::is_class_v<T>
  void put(const T& structure) {
    text_ += '{';
    Writer inner(text_);
    fields(inner, structure);
    text_ += '}';
  }

  std::string& text_;
};

/// What a value is, as messages say it.
std::string_view kind_of(const json::value& value) {
  if (value.is_number()) return "number";
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "array";
    default:
      return "object";
  }
}

std::string_view view_of(const json::string& text) { return {text.data(), text.size()}; }
std::string_view view_of(json::string_view text) { return {text.data(), text.size()}; }

/// Fills one struct from a JSON value. The first thing that is wrong is remembered, and the rest left alone.
class Reader {
 public:
  Reader(const json::value& value, std::string_view name) : value_(value), name_(name) {}

  template <class T>
  void operator()(const char* name, T& value) {
    if (!problem_.empty()) return;
    const json::value* found = value_.get_object().if_contains(name);
    if (found == nullptr) {
      problem_ = fmt::format("{}.{} is missing", name_, name);
      return;
    }
    read_part(*found, name, value);
    if (!problem_.empty()) problem_ = fmt::format("{}.{}", name_, problem_);
  }
  template <class T>
  void optional(const char* name, T& value) {
    if (problem_.empty() && value_.get_object().contains(name)) (*this)(name, value);
  }
  const std::string& problem() const { return problem_; }

  template <class T>
    requires std::is_class_v<T>
  void read(T& structure) {
    if (!value_.is_object()) return wrong("an object");
    fields(*this, structure);
  }

 private:
  /// Problems are told from the part outwards, so that a path is only made when there is one.
  template <class T>
  void read_part(const json::value& part, std::string_view name, T& value) {
    Reader reader(part, name);
    reader.read(value);
    problem_ = std::move(reader.problem_);
  }

  void wrong(std::string_view wanted) {
    problem_ = fmt::format("{} is {} where {} is wanted", name_, kind_of(value_), wanted);
  }

  void read(std::string& text) {
    if (!value_.is_string()) return wrong("a string");
    text = printable(view_of(value_.get_string()));
  }
  template <class Integer>
  void read_integer(Integer& number) {
    // An unsigned number above the range of int64 would wrap when asked for as one: it is kept as another kind.
    if (!value_.is_int64() || !std::in_range<Integer>(value_.get_int64())) return wrong("an integer within its range");
    number = static_cast<Integer>(value_.get_int64());
  }
  void read(int& number) { read_integer(number); }
  void read(milliseconds& span) {
    int64_t count = 0;
    read_integer(count);
    span = milliseconds(count);
  }
  void read(bool& truth) {
    if (!value_.is_bool()) return wrong("true or false");
    truth = value_.get_bool();
  }
  void read(Outcome& outcome) {
    const auto known = value_.is_string() ? outcome_from(view_of(value_.get_string())) : std::nullopt;
    if (!known) return wrong("an outcome");
    outcome = *known;
  }
  void read(Note::Level& level) {
    const std::string_view text = value_.is_string() ? view_of(value_.get_string()) : std::string_view();
    if (text != "warning" && text != "info") return wrong("a level");
    level = text == "warning" ? Note::Level::kWarning : Note::Level::kInfo;
  }
  template <class T>
  void read(std::map<std::string, T>& map) {
    if (!value_.is_object()) return wrong("an object");
    for (const auto& member : value_.get_object()) {
      const std::string key = printable(view_of(member.key()));
      read_part(member.value(), key, map[key]);
      if (!problem_.empty()) break;
    }
    if (!problem_.empty()) problem_ = fmt::format("{}.{}", name_, problem_);
  }
  template <class T>
  void read(std::vector<T>& list) {
    if (!value_.is_array()) return wrong("an array");
    for (const json::value& element : value_.get_array()) {
      read_part(element, fmt::format("[{}]", list.size()), list.emplace_back());
      if (!problem_.empty()) break;
    }
    if (!problem_.empty()) problem_ = fmt::format("{}{}", name_, problem_);
  }

  const json::value& value_;
  std::string_view name_;
  std::string problem_;
};

Error malformed(std::string_view line, std::string_view problem) {
  return harness_error("event", fmt::format("read an event: {}", printable(problem)))
      .with("line", printable(line.substr(0, 400)));
}

template <class T>
Result<Event> read_as(const json::value& object, std::string_view name, std::string_view line) {
  T event;
  Reader reader(object, name);
  reader.read(event);
  if (!reader.problem().empty()) return malformed(line, reader.problem());
  return Event(std::move(event));
}

/// Tries the alternatives of Event one after another until the name matches.
template <size_t index = 0>
Result<Event> read_named(const json::value& object, std::string_view name, std::string_view line) {
  if constexpr (index == std::variant_size_v<Event>) {
    return malformed(line, fmt::format("no event is called \"{}\"", name));
  } else {
    if (name == kNames[index]) return read_as<std::variant_alternative_t<index, Event>>(object, name, line);
    return read_named<index + 1>(object, name, line);
  }
}

constexpr std::string_view kBegin = "{\"event\":\"";

}  // namespace

std::string encode(const Event& event) {
  std::string line = fmt::format("{}{}\"", kBegin, kNames[event.index()]);
  Writer writer(line);
  std::visit([&](const auto& body) { fields(writer, body); }, event);
  line += '}';
  return line;
}

std::string_view told_name(std::string_view line) {
  // Within a string of the line each quotation mark has a backslash before it: this cannot be text.
  constexpr std::string_view kMember = "\"event\":\"";
  constexpr size_t kFarthest = 48;  // behind what a journal puts in front
  const size_t at = line.substr(0, kFarthest).find(kMember);
  if (at == std::string_view::npos || line.substr(0, at).rfind('{') != 0) return {};
  line.remove_prefix(at + kMember.size());
  const size_t end = line.find('"');
  return end == std::string_view::npos ? std::string_view() : line.substr(0, end);
}

Result<Event> decode_event(std::string_view line) {
  constexpr size_t kDeepest = 16;  // events are seven levels deep at most
  if (line.size() > kEventLineLimit) return malformed(line, fmt::format("a line of {} bytes", line.size()));
  std::array<unsigned char, size_t{16} << 10> first_memory;
  json::monotonic_resource memory(first_memory.data(), first_memory.size());
  json::parse_options options;
  options.max_depth = kDeepest;
  boost::system::error_code failed;
  const json::value object = json::parse(json::string_view(line.data(), line.size()), failed, &memory, options);
  if (failed == json::error::too_deep) return malformed(line, fmt::format("nested deeper than {}", kDeepest));
  if (failed) return malformed(line, "no JSON");
  const json::value* name = object.is_object() ? object.get_object().if_contains("event") : nullptr;
  if (name == nullptr || !name->is_string()) return malformed(line, "no member \"event\" that is a string");
  return read_named(object, view_of(name->get_string()), line);
}

}  // namespace holdfast
