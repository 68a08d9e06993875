// How does an event become a line of text, and a line an event?
//
// Each struct lists its members once, in a function `fields`; a Writer and a Reader are taken through the same list, so
// that the two directions cannot drift apart.
#include "harness/event_codec.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "harness/base/nesting.h"
#include "harness/base/text.h"

namespace holdfast {

namespace {

using Json = nlohmann::json;
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

/// Puts the members of one struct into a JSON object.
class Writer {
 public:
  template <class T>
  void operator()(const char* name, const T& value) {
    object_[name] = json_of(value);
  }
  /// A member that journals of earlier versions do not have.
  template <class T>
  void optional(const char* name, const T& value) {
    if (!value.empty()) (*this)(name, value);
  }
  Json take() { return std::move(object_); }

 private:
  static Json json_of(const std::string& text) { return printable(text); }
  static Json json_of(int number) { return number; }
  static Json json_of(bool truth) { return truth; }
  static Json json_of(milliseconds span) { return span.count(); }
  static Json json_of(Outcome outcome) { return to_string(outcome); }
  static Json json_of(Note::Level level) { return level == Note::Level::kWarning ? "warning" : "info"; }
  template <class T>
  static Json json_of(const std::map<std::string, T>& map) {
    Json object = Json::object();
    for (const auto& [key, value] : map) object[printable(key)] = json_of(value);
    return object;
  }
  template <class T>
  static Json json_of(const std::vector<T>& list) {
    Json array = Json::array();
    for (const T& element : list) array.push_back(json_of(element));
    return array;
  }
  template <class T>
    requires std::is_class_v<T>
  static Json json_of(const T& structure) {
    Writer inner;
    fields(inner, structure);
    return inner.take();
  }

  Json object_ = Json::object();
};

/// Fills one struct from a JSON object. The first thing that is wrong is remembered, and the rest left alone.
class Reader {
 public:
  Reader(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
    if (!object_.is_object()) wrong("an object");
  }

  template <class T>
  void operator()(const char* name, T& value) {
    if (!problem_.empty()) return;
    const auto found = object_.find(name);
    if (found == object_.end()) {
      problem_ = fmt::format("{}.{} is missing", path_, name);
      return;
    }
    Reader member(*found, fmt::format("{}.{}", path_, name), Any());
    member.read(value);
    problem_ = std::move(member.problem_);
  }
  template <class T>
  void optional(const char* name, T& value) {
    if (object_.contains(name)) (*this)(name, value);
  }
  const std::string& problem() const { return problem_; }

 private:
  struct Any {};
  Reader(const Json& value, std::string path, Any /*any_type*/) : object_(value), path_(std::move(path)) {}

  void wrong(std::string_view wanted) {
    problem_ = fmt::format("{} is {} where {} is wanted", path_, object_.type_name(), wanted);
  }

  void read(std::string& text) {
    if (!object_.is_string()) return wrong("a string");
    text = printable(object_.get_ref<const std::string&>());
  }
  template <class Integer>
  void read_integer(Integer& number) {
    // An unsigned number above the range of int64 would wrap when asked for as one.
    const bool fits = object_.is_number_integer() &&
                      (!object_.is_number_unsigned() ||
                       object_.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<Integer>::max())) &&
                      std::in_range<Integer>(object_.get<int64_t>());
    if (!fits) return wrong("an integer within its range");
    number = static_cast<Integer>(object_.get<int64_t>());
  }
  void read(int& number) { read_integer(number); }
  void read(milliseconds& span) {
    int64_t count = 0;
    read_integer(count);
    span = milliseconds(count);
  }
  void read(bool& truth) {
    if (!object_.is_boolean()) return wrong("true or false");
    truth = object_.get<bool>();
  }
  void read(Outcome& outcome) {
    std::string text;
    read(text);
    const auto known = outcome_from(text);
    if (!known) return wrong("an outcome");
    outcome = *known;
  }
  void read(Note::Level& level) {
    std::string text;
    read(text);
    if (text != "warning" && text != "info") return wrong("a level");
    level = text == "warning" ? Note::Level::kWarning : Note::Level::kInfo;
  }
  template <class T>
  void read(std::map<std::string, T>& map) {
    if (!object_.is_object()) return wrong("an object");
    for (const auto& [key, value] : object_.items()) {
      Reader element(value, fmt::format("{}.{}", path_, key), Any());
      element.read(map[printable(key)]);
      problem_ = std::move(element.problem_);
      if (!problem_.empty()) return;
    }
  }
  template <class T>
  void read(std::vector<T>& list) {
    if (!object_.is_array()) return wrong("an array");
    for (const Json& value : object_) {
      Reader element(value, fmt::format("{}[{}]", path_, list.size()), Any());
      element.read(list.emplace_back());
      problem_ = std::move(element.problem_);
      if (!problem_.empty()) return;
    }
  }
  template <class T>
    requires std::is_class_v<T>
  void read(T& structure) {
    if (!object_.is_object()) return wrong("an object");
    fields(*this, structure);
  }

  const Json& object_;
  std::string path_;
  std::string problem_;
};

Error malformed(std::string_view line, std::string_view problem) {
  return harness_error("event", fmt::format("read an event: {}", printable(problem)))
      .with("line", printable(line.substr(0, 400)));
}

template <class T>
Result<Event> read_as(const Json& object, std::string_view name, std::string_view line) {
  T event;
  Reader reader(object, std::string(name));
  fields(reader, event);
  if (!reader.problem().empty()) return malformed(line, reader.problem());
  return Event(std::move(event));
}

/// Tries the alternatives of Event one after another until the name matches.
template <size_t index = 0>
Result<Event> read_named(const Json& object, std::string_view name, std::string_view line) {
  if constexpr (index == std::variant_size_v<Event>) {
    return malformed(line, fmt::format("no event is called \"{}\"", name));
  } else {
    if (name == kNames[index]) return read_as<std::variant_alternative_t<index, Event>>(object, name, line);
    return read_named<index + 1>(object, name, line);
  }
}

}  // namespace

std::string encode(const Event& event) {
  Json object = std::visit(
      [](const auto& body) {
        Writer writer;
        fields(writer, body);
        return writer.take();
      },
      event);
  object["event"] = kNames[event.index()];
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Event> decode_event(std::string_view line) {
  constexpr int kDeepest = 16;  // events are seven levels deep at most
  if (line.size() > kEventLineLimit) return malformed(line, fmt::format("a line of {} bytes", line.size()));
  if (nests_deeper_than(line, kDeepest)) return malformed(line, fmt::format("nested deeper than {}", kDeepest));
  const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) return malformed(line, "no JSON");
  const auto name = object.is_object() ? object.find("event") : object.end();
  if (name == object.end() || !name->is_string()) return malformed(line, "no member \"event\" that is a string");
  return read_named(object, name->get_ref<const std::string&>(), line);
}

}  // namespace holdfast
