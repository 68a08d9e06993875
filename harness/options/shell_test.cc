// Do help, completion and manual say what the option tables have, all of it, and fit where they are read?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/options.h"

namespace holdfast {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Words = std::vector<std::string>;

std::string printed(Words words) {
  words.insert(words.begin(), "holdfast");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  const auto options = parse_options(static_cast<int>(argv.size()), argv.data());
  if (!options || !std::holds_alternative<JustPrint>(*options)) return {};
  return std::get<JustPrint>(*options).text;
}

std::string help(Words verb, const std::string& flag = "--help") {
  verb.push_back(flag);
  return printed(std::move(verb));
}

/// Words that stand at the begin of a help's lines, those of its verbs or flags.
std::set<std::string> entries(const std::string& help, bool flags) {
  std::set<std::string> found;
  const std::string_view tables = std::string_view(help).substr(0, help.find("Examples:"));
  for (const std::string_view line : split(tables, '\n')) {
    if (!line.starts_with("  ") || line.starts_with("   ")) continue;
    const std::string_view first = split(trim(line), ' ').front();
    if (first.starts_with("-") != flags) continue;
    if (flags) {
      for (std::string_view name : split(trim(line), ' ')) {
        if (!name.starts_with("-")) break;
        if (name.ends_with(',')) name.remove_suffix(1);
        found.emplace(name);
      }
    } else if (std::ranges::all_of(first, [](unsigned char c) { return std::islower(c) != 0; })) {
      found.emplace(first);
    }
  }
  return found;
}

/// Every verb there is, found by its help, the program itself first.
std::vector<Words> all_verbs() {
  std::vector<Words> all{{}};
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].size() == 2) continue;
    for (const std::string& name : entries(help(all[i]), /*flags=*/false)) {
      Words inner = all[i];
      inner.push_back(name);
      if (!help(inner).empty() && help(inner) != help(all[i])) all.push_back(inner);
    }
  }
  return all;
}

TEST(Help, OfEachVerbFitsOneScreenAndHasExamples) {
  const auto verbs = all_verbs();
  EXPECT_GE(verbs.size(), 20U);
  for (const Words& verb : verbs) {
    const std::string text = help(verb);
    SCOPED_TRACE(text);
    EXPECT_THAT(text, HasSubstr("\nExamples:\n  "));
    EXPECT_LE(std::ranges::count(text, '\n'), 23);  // the prompt is on the screen as well
    for (const std::string_view line : split(text, '\n')) EXPECT_LE(line.size(), 80U) << line;
  }
}

TEST(Help, GivesTheNameOfEachFlagAndExplainsAllWhenAsked) {
  const std::string brief = help({"run"});
  const std::string whole = help({"run"}, "--help-all");
  EXPECT_THAT(brief, AllOf(HasSubstr("--junit-dialect"), Not(HasSubstr("junit-10.xsd"))));
  EXPECT_THAT(whole, AllOf(HasSubstr("--junit-dialect strict|extended"), HasSubstr("junit-10.xsd"),
                           HasSubstr("HOLDFAST_OUT)")));
  for (const std::string& flag : entries(whole, /*flags=*/true)) EXPECT_THAT(brief, HasSubstr(flag));
}

/// What a real bash offers behind these words.
std::set<std::string> offered_by_bash(const std::string& script, const Words& words,
                                      const std::string& program = "/nonexistent/holdfast") {
  std::string ask = "complete() { :; }; source " + script + "; COMP_WORDS=(" + program;
  for (const std::string& word : words) ask += " '" + word + "'";
  ask += "); COMP_CWORD=" + std::to_string(words.size()) + "; _holdfast; printf '%s\\n' \"${COMPREPLY[@]}\"";
  const auto output = run({.argv = {"bash", "-c", ask}}, Deadline::after(Millis(30'000)));
  EXPECT_TRUE(output) << (output ? "" : output.error().what);
  if (!output) return {};
  EXPECT_THAT(output->err, IsEmpty());
  std::set<std::string> offered;
  for (const std::string_view line : split(output->out, '\n')) {
    if (!line.empty()) offered.emplace(line);
  }
  return offered;
}

/// A program in the place of `holdfast` that has something to list, when it is asked as it should be.
void write_lister(const std::filesystem::path& file) {
  ASSERT_TRUE(write_file(file, R"(#!/bin/sh
case "$*" in
"list kernels --names") printf 'reference\nfaults\n' ;;
"list cases --names") printf 'Preserve.One\nPreserve.Two\nRetrieve.One\n' ;;
"list targets --names") echo qemu ;;
"list targets --names --lab lab.toml" | "list targets --names --lab=lab.toml") printf 'n07\nn08\n' ;;
*) exit 2 ;;
esac
)"));
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
}

class Completion : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(write_file(script_, printed({"completion", "bash"})));
    write_lister(dir_.path() / "holdfast");
  }
  /// With the lister as the program.
  std::set<std::string> offered(const Words& words) {
    return offered_by_bash(script_, words, (dir_.path() / "holdfast").string());
  }
  TempDir dir_ = *TempDir::create();
  std::filesystem::path script_ = dir_.path() / "completion";
};

TEST_F(Completion, OfBashOffersWhatTheHelpHas) {
  for (Words verb : all_verbs()) {
    const std::string whole = help(verb, "--help-all");
    SCOPED_TRACE(whole);
    Words flags = verb;
    flags.emplace_back("-");
    const auto offered = offered_by_bash(script_, flags);
    for (const std::string& flag : entries(whole, /*flags=*/true)) EXPECT_THAT(offered, Contains(flag));
    for (const std::string& flag : offered) EXPECT_THAT(whole + " --help --help-all", HasSubstr(flag));
    verb.emplace_back("");
    const auto names = offered_by_bash(script_, verb);
    for (const std::string& name : entries(whole, /*flags=*/false)) EXPECT_THAT(names, Contains(name));
  }
}

TEST_F(Completion, OfBashKnowsTheValuesOfAFlag) {
  const std::set<std::string> accels{"auto", "kvm", "tcg"};
  EXPECT_EQ(offered_by_bash(script_, {"run", "--accel", ""}), accels);
  EXPECT_EQ(offered_by_bash(script_, {"run", "--accel", "=", "t"}), std::set<std::string>{"tcg"});
  EXPECT_THAT(offered_by_bash(script_, {"list", "de"}), Contains("devices"));
  EXPECT_THAT(offered_by_bash(script_, {"kernel", "bu"}), Contains("build"));
  EXPECT_THAT(offered_by_bash(script_, {"run", "--kernel", "/bin/bas"}), Contains("/bin/bash"));
}

TEST_F(Completion, OfBashKnowsTheNamesThatThereAre) {
  using Names = std::set<std::string>;
  EXPECT_EQ(offered({"run", "--filter", "Pres"}), (Names{"Preserve.One", "Preserve.Two"}));
  EXPECT_EQ(offered({"run", "--filter", "=", "Retr"}), Names{"Retrieve.One"});
  EXPECT_EQ(offered({"run", "--filter", "Preserve.One", ":", "Retr"}), Names{"Retrieve.One"});
  EXPECT_EQ(offered({"run", "--filter", "=", "A", ":", "B", ":"}),
            (Names{"Preserve.One", "Preserve.Two", "Retrieve.One"}));
  EXPECT_EQ(offered({"run", "--target", ""}), Names{"qemu"});
  EXPECT_EQ(offered({"run", "--lab", "lab.toml", "--target", ""}), (Names{"n07", "n08"}));
  EXPECT_EQ(offered({"run", "--lab", "=", "lab.toml", "--target", ""}), (Names{"n07", "n08"}));
  EXPECT_EQ(offered({"run", "--kernel", "ref"}), Names{"reference"});
  EXPECT_THAT(offered({"run", "--kernel", "/bin/bas"}), Contains("/bin/bash"));  // or a bzImage
  EXPECT_THAT(offered({"kernel", "rm", "fau"}), Contains("faults"));
  EXPECT_THAT(offered({"lab", "reserve", "q"}), Contains("qemu"));
  EXPECT_THAT(offered({"lab", "reserve", "q"}), Not(Contains("quick")));
}

/// What a real zsh shows when TAB is pressed behind a line, in a terminal of its own.
std::string shown_by_zsh(const std::filesystem::path& folder, const std::string& line) {
  const std::string script = R"(
zmodload zsh/zpty
zpty inner zsh -f -i
say() { zpty -w inner "$1"; }
say "PS1=; COLUMNS=300; LISTMAX=0; unsetopt zle_bracketed_paste list_beep; PATH=$1:\$PATH; cd $1"
say "autoload -U compinit; compinit -u -D; source $1/_holdfast; print re''ady"
zpty -r inner seen '*ready*'
zpty -w -n inner "$2"$'\t\t'
sleep 1
zpty -w -n inner $'\x15'
say "print do''ne"
zpty -r inner seen '*done*'
print -r -- $seen
)";
  const auto output =
      run({.argv = {"zsh", "-f", "-c", script, "zsh", folder.string(), line}}, Deadline::after(Millis(60'000)));
  EXPECT_TRUE(output) << (output ? "" : output.error().what);
  return output ? output->out + output->err : "";
}

TEST(ZshCompletion, OffersNamesAndFlagsInARealZsh) {
  if (!find_program("zsh")) GTEST_SKIP() << "zsh is not installed";
  const TempDir dir = *TempDir::create();
  ASSERT_TRUE(write_file(dir.path() / "_holdfast", printed({"completion", "zsh"})));
  write_lister(dir.path() / "holdfast");
  EXPECT_THAT(shown_by_zsh(dir.path(), "holdfast run --filter "),
              AllOf(HasSubstr("Preserve.One"), HasSubstr("Retrieve.One"), Not(HasSubstr("reference"))));
  EXPECT_THAT(shown_by_zsh(dir.path(), "holdfast run --lab lab.toml --target "),
              AllOf(HasSubstr("n07"), HasSubstr("n08")));
  EXPECT_THAT(shown_by_zsh(dir.path(), "holdfast run --kernel=ref"), HasSubstr("reference"));
  EXPECT_THAT(shown_by_zsh(dir.path(), "holdfast kernel rm "), AllOf(HasSubstr("faults"), HasSubstr("reference")));
  EXPECT_THAT(shown_by_zsh(dir.path(), "holdfast ker"), HasSubstr("holdfast kernel"));
}

TEST(ZshCompletion, IsUnderstoodByZshAndNamesEachFlag) {
  const std::string script = printed({"completion", "zsh"});
  for (const Words& verb : all_verbs()) {
    for (const std::string& flag : entries(help(verb, "--help-all"), /*flags=*/true)) {
      EXPECT_THAT(script, HasSubstr("'*" + flag)) << join(verb, " ");
    }
  }
  if (!find_program("zsh")) GTEST_SKIP() << "zsh is not installed";
  const TempDir dir = *TempDir::create();
  ASSERT_TRUE(write_file(dir.path() / "_holdfast", script));
  const auto looked =
      run({.argv = {"zsh", "-n", (dir.path() / "_holdfast").string()}}, Deadline::after(Millis(30'000)));
  ASSERT_TRUE(looked);
  EXPECT_TRUE(looked->status.success());
  EXPECT_THAT(looked->err, IsEmpty());
}

TEST(Manual, NamesEachVerbAndFlag) {
  std::string page = printed({"manual"});
  std::erase(page, '\\');
  for (const Words& verb : all_verbs()) {
    if (!verb.empty()) {
      EXPECT_THAT(page, HasSubstr("\n.SS holdfast " + join(verb, " ")));
    }
    for (const std::string& flag : entries(help(verb, "--help-all"), /*flags=*/true)) {
      if (flag == "--version") continue;  // the program's own, not a verb's
      EXPECT_THAT(page, HasSubstr(flag)) << join(verb, " ");
    }
  }
}

TEST(Manual, IsSoundRoff) {
  if (!find_program("mandoc")) GTEST_SKIP() << "mandoc is not installed";
  const TempDir dir = *TempDir::create();
  const auto lint = [&](const std::string& page) {
    const std::string file = (dir.path() / "holdfast.1").string();
    EXPECT_TRUE(write_file(file, page));
    const auto output = run({.argv = {"mandoc", "-T", "lint", "-W", "warning", file}}, Deadline::after(Millis(30'000)));
    return output ? output->out + output->err : std::string("mandoc did not run");
  };
  EXPECT_THAT(lint(printed({"manual"})), Not(AllOf(HasSubstr("WARNING"), Not(HasSubstr("missing date")))));
  EXPECT_THAT(lint(printed({"manual"})), Not(HasSubstr("ERROR")));
  EXPECT_THAT(lint(".TH A 1\n.SH NAME\n.TP\n.nosuch\n"), Not(IsEmpty()));  // it can say no
}

}  // namespace
}  // namespace holdfast
