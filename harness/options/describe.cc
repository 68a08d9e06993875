// What is there to say of a verb's flags, in a form that help, completion and the manual share?
#include "harness/options/describe.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <utility>

#include "harness/base/text.h"

namespace holdfast {
namespace {

/// CLI11 puts the type and what is checked into one text: "TEXT:{auto,kvm,tcg}", "INT:INT in [1 - 255]", "DIR".
std::string type_of(const std::string& words) {
  const std::string type = words.substr(0, words.find(':'));
  if (type == "INT" || type == "UINT") return "N";
  if (type == "FLOAT") return "X";
  return type;
}

std::vector<std::string> choices_of(const std::string& words) {
  const size_t open = words.find('{');
  const size_t close = words.find('}');
  std::vector<std::string> choices;
  if (open != std::string::npos && close != std::string::npos && close > open) {
    for (const auto choice : split(std::string_view(words).substr(open + 1, close - open - 1), ',')) {
      choices.emplace_back(choice);
    }
  }
  return choices;
}

FlagWords words_of(const CLI::Option& option) {
  FlagWords words;
  words.positional = option.get_positional();
  for (const std::string& name : option.get_snames()) words.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) words.names.push_back("--" + name);
  if (words.positional) words.names = {option.get_name(/*positional=*/true)};
  if (option.get_items_expected_max() != 0) {
    words.choices = choices_of(option.get_type_name());
    words.value = words.choices.empty() ? type_of(option.get_type_name()) : join(words.choices, "|");
  }
  words.text = option.get_description();
  words.environment = option.get_envname();
  words.usual = option.get_default_str();
  words.further = option.get_group() == kFurther;
  return words;
}

}  // namespace

std::string FlagWords::shown() const {
  if (positional) return value;
  const std::string all = join(names, ", ");
  return value.empty() ? all : all + " " + value;
}

bool FlagWords::takes_path() const {
  constexpr std::array<std::string_view, 6> kPaths{"FILE", "DIR", "PATH", "RUN", "FRAGMENT", "K"};
  return std::ranges::find(kPaths, std::string_view(value)) != kPaths.end();
}

std::string_view FlagWords::listed() const {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kListed{{{"K", "kernels"},
                                                                                  {"KERNEL", "kernels"},
                                                                                  {"T", "targets"},
                                                                                  {"HOST", "targets"},
                                                                                  {"GLOB", "cases"},
                                                                                  {"ROLE|BDF", "devices"}}};
  const auto known =
      std::ranges::find(kListed, std::string_view(value), &std::pair<std::string_view, std::string_view>::first);
  return known == kListed.end() ? std::string_view() : known->second;
}

std::vector<FlagWords> flags_of(const CLI::App& verb) {
  std::vector<FlagWords> flags;
  for (const CLI::Option* option : verb.get_options()) {
    if (option == verb.get_help_ptr() || option == verb.get_help_all_ptr()) continue;
    flags.push_back(words_of(*option));
  }
  return flags;
}

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); });
}

std::string path_to(const CLI::App& verb) {
  return verb.get_parent() == nullptr ? verb.get_name() : path_to(*verb.get_parent()) + " " + verb.get_name();
}

std::string usage_of(const CLI::App& verb) {
  std::string usage = path_to(verb);
  const auto flags = flags_of(verb);
  if (std::ranges::any_of(flags, [](const FlagWords& one) { return !one.positional; })) usage += " [FLAGS]";
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_positional()) continue;
    const FlagWords words = words_of(*option);
    const int least = std::max(option->get_expected_min(), 1);
    for (int i = 0; i < least; ++i) usage += " " + words.shown();
    if (option->get_expected_max() > least) usage += "...";
  }
  if (!verbs_of(verb).empty()) usage += " VERB";
  return usage;
}

}  // namespace holdfast
