// YAML: builds values with places from yaml-cpp's events, because its nodes lose too much: places
// of keys, duplicate keys, aliases and quotes.
#include "pipeline/yaml.h"

#include <array>
#include <sstream>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace pellucid {
namespace {

/// Deeper pipelines are mistakes; yaml-cpp recurses.
constexpr std::size_t kDeepestNesting = 100;

/// Ends the reading of a file after its problem has been reported.
struct Stop {};

/// `!` for quoted scalars and `?` for others are yaml-cpp's own.
bool is_known_tag(const std::string& tag) {
  static constexpr std::array<std::string_view, 9> kKnown{"",
                                                          "!",
                                                          "?",
                                                          "tag:yaml.org,2002:str",
                                                          "tag:yaml.org,2002:int",
                                                          "tag:yaml.org,2002:float",
                                                          "tag:yaml.org,2002:bool",
                                                          "tag:yaml.org,2002:seq",
                                                          "tag:yaml.org,2002:map"};
  for (const std::string_view known : kKnown)
    if (tag == known) return true;
  return false;
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(const Source& source, Budget& budget, Findings& findings)
      : source_(source), budget_(budget), findings_(findings) {}

  std::optional<Value> take_root() { return std::move(root_); }

  /// The list or map that is open at the end, and the place of the last text in quotes that went on
  /// over several lines: a syntax error is often their fault.
  const Value* open() const { return levels_.empty() ? nullptr : &levels_.back().value; }
  const std::optional<SourceLocation>& long_quote() const { return long_quote_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (!root_) return;
    const SourceLocation where = place(mark);
    if (source_.line(mark.line).substr(0, 3) == "---" || ends_document_before(mark.line)) {
      report(where, "a second YAML document begins here; a pipeline is one document");
    } else {
      report(where,
             "this line is indented less than the first one; keys of one map stand "
             "exactly below each other");
    }
    throw Stop{};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    // An empty value has the place of what follows it; its key says better where it is missing.
    SourceLocation where = place(mark);
    if (!names_null(mark) && !levels_.empty())
      where = levels_.back().awaits_value ? levels_.back().key.where : levels_.back().value.where();
    Value value;
    value.locate(where);
    emit(std::move(value), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const SourceLocation where = place(mark);
    check_tag(tag, where);
    const bool quoted = tag != "?" && tag != "";
    if (tag == "!") check_quotes(mark);
    if (text.find('\0') != std::string::npos)
      report(where, "'\\0' has no place in the text of a pipeline; remove it");
    Value value = Value::scalar(text, where, quoted);
    budget_.charge(value, where);
    emit(std::move(value), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const SourceLocation where = place(mark);
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) {
      report(where, "this alias stands inside the very value that it repeats");
      throw Stop{};
    }
    budget_.charge(known->second, where);
    Value value = known->second;
    value.locate(where);
    emit(std::move(value), 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(Value::list({}, place(mark)), tag, anchor);
  }
  void OnSequenceEnd() override { end(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(Value::map({}, place(mark)), tag, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Level {
    Value value;
    YAML::anchor_t anchor = 0;
    bool awaits_value = false;
    bool key_is_wrong = false;
    Value::Entry key = {};
    std::unordered_map<std::string, std::int32_t> lines_of_keys = {};
  };

  /// Reports with the node that is being read, as far as it is known by then.
  void report(const SourceLocation& where, const std::string& sentence) {
    const bool in_node = levels_.size() > 2 && levels_[0].key.key == "nodes";
    if (in_node) {
      const Value* const use = levels_[2].value.find("use");
      findings_.concern(levels_[1].key.key, use && use->is_scalar() ? use->text() : "");
    }
    findings_.report(where, sentence);
    findings_.concern("", "");
  }

  SourceLocation place(const YAML::Mark& mark) const {
    return source_.place(mark.line, mark.column);
  }

  void begin(Value value, const std::string& tag, YAML::anchor_t anchor) {
    check_tag(tag, value.where());
    if (levels_.size() >= kDeepestNesting) {
      report(value.where(),
             "lists and maps are nested more than " + std::to_string(kDeepestNesting) + " deep");
      throw Stop{};
    }
    budget_.charge(value, value.where());
    levels_.push_back({std::move(value), anchor});
  }

  void end() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    emit(std::move(level.value), level.anchor);
  }

  /// Puts a finished value where it belongs: into the open list or map, as a key or as a value.
  void emit(Value value, YAML::anchor_t anchor) {
    if (anchor != 0) {
      budget_.charge(value, value.where());
      anchors_[anchor] = value;
    }
    if (levels_.empty()) {
      root_ = std::move(value);
      return;
    }
    Level& level = levels_.back();
    if (level.value.is_list()) {
      level.value.items().push_back(std::move(value));
    } else if (!level.awaits_value) {
      level.key_is_wrong = !accept_key(level, value);
      level.key = {value.text(), Value(), value.where()};
      level.awaits_value = true;
    } else {
      level.awaits_value = false;
      if (level.key_is_wrong) return;
      level.key.value = std::move(value);
      level.value.entries().push_back(std::move(level.key));
    }
  }

  bool accept_key(Level& level, const Value& key) {
    if (!key.is_scalar()) {
      report(key.where(), "a key is text, found " + key.described());
      return false;
    }
    if (key.text() == "<<") {
      report(key.where(),
             "merge keys ('<<') are not part of the pipeline language; put what is shared "
             "into 'vars' and use it as \"${name}\"");
      return false;
    }
    if (key.text().find("${") != std::string::npos) {
      report(key.where(), "keys are not substituted, found " + key.described());
      return false;
    }
    const auto [known, is_new] = level.lines_of_keys.emplace(key.text(), key.where().line);
    if (!is_new)
      report(key.where(), "duplicate key " + key.described() + "; it stands on line " +
                              std::to_string(known->second) + " already");
    return is_new;
  }

  void check_tag(const std::string& tag, const SourceLocation& where) {
    if (!is_known_tag(tag))
      report(where, "the tag '" + tag + "' is not part of the pipeline language; remove it");
  }

  /// yaml-cpp takes the end of the file for a closing quote.
  void check_quotes(const YAML::Mark& mark) {
    const std::string& text = source_.text();
    std::size_t at = source_.line_start(mark.line) + static_cast<std::size_t>(mark.column);
    // Before the quote may stand an anchor and a tag.
    while (at < text.size() && (text[at] == '&' || text[at] == '!')) {
      at = text.find_first_of(" \t\n", at);
      at = at == std::string::npos ? at : text.find_first_not_of(" \t\n", at);
    }
    if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return;
    const char quote = text[at];
    std::size_t end = at + 1;
    for (; end < text.size(); ++end) {
      if (quote == '"' && text[end] == '\\') {
        ++end;
      } else if (text[end] == quote) {
        if (quote == '"' || end + 1 >= text.size() || text[end + 1] != '\'') break;
        ++end;
      }
    }
    if (end >= text.size()) {
      report(source_.place_of_byte(at), "this quote is never closed");
      throw Stop{};
    }
    if (text.find('\n', at) < end) long_quote_ = source_.place_of_byte(at);
  }

  /// Whether `null` or `~` is written at a mark, or nothing.
  bool names_null(const YAML::Mark& mark) const {
    const std::size_t at = source_.line_start(mark.line) + static_cast<std::size_t>(mark.column);
    const std::string_view rest =
        std::string_view(source_.text()).substr(std::min(at, source_.text().size()), 4);
    return rest.substr(0, 1) == "~" || rest == "null" || rest == "Null" || rest == "NULL";
  }

  bool ends_document_before(int line) const {
    for (int i = line - 1; i >= 0; --i) {
      const std::string_view text = source_.line(i);
      if (text.find_first_not_of(' ') == std::string_view::npos) continue;
      return text.substr(0, 3) == "..." || text.substr(0, 3) == "---";
    }
    return false;
  }

  const Source& source_;
  Budget& budget_;
  Findings& findings_;
  std::vector<Level> levels_;
  std::unordered_map<YAML::anchor_t, Value> anchors_;
  std::optional<Value> root_;
  std::optional<SourceLocation> long_quote_;
};

bool begins_with(const std::string& text, std::string_view begin) {
  return text.compare(0, begin.size(), begin) == 0;
}

/// yaml-cpp's message in the words of people who write pipelines.
std::string explained(const std::string& message, std::string_view rest, const Builder& builder) {
  const std::string here = rest.empty() ? "the end" : "'" + std::string(rest.substr(0, 1)) + "'";
  const auto opened = [&] {
    const Value* const open = builder.open();
    return open ? " opened on line " + std::to_string(open->where().line) : std::string();
  };
  if (message == "illegal map value")
    return "unexpected ':'; check the indentation here and that a space follows the ':' of the "
           "line "
           "above, and put text that contains ': ' in quotes";
  if (message == "end of map not found")
    return "expected a key of the map" + opened() +
           "; check the indentation, and put text that begins or goes on with a quote in one pair "
           "of "
           "quotes";
  if (message == "end of sequence not found")
    return "expected '- ' as in the list" + opened() + "; check the indentation";
  if (message == "end of map flow not found")
    return "expected ',' or '}' to go on with the map" + opened() + ", found " + here;
  if (message == "end of sequence flow not found")
    return "expected ',' or ']' to go on with the list" + opened() + ", found " + here;
  if (message == "illegal flow end") return here + " closes nothing that is open";
  if (message == "illegal block entry")
    return "unexpected '- '; a list begins on a line of its own, below its key";
  if (message == "illegal map key") return "unexpected '?'; put text that begins with it in quotes";
  if (message == "unknown token") return "a value cannot begin with " + here + "; put it in quotes";
  if (message == "the referenced anchor is not defined")
    return "text that begins with '*' stands in quotes (without, YAML takes it for an alias, and "
           "there is no such anchor)";
  if (begins_with(message, "alias not found") || begins_with(message,
                                                             "illegal character found while "
                                                             "scanning alias"))
    return "text that begins with '*' stands in quotes";
  if (begins_with(message, "anchor not found") || begins_with(message,
                                                              "illegal character found while "
                                                              "scanning anchor"))
    return "text that begins with '&' stands in quotes";
  if (begins_with(message, "unknown escape character") || begins_with(message, "invalid unicode") ||
      message == "bad character found while scanning hex number")
    return "'\\' begins an escape in double quotes, and this one is unknown; write '\\\\', or put "
           "the "
           "text in single quotes";
  return "this is not valid YAML: " + message;
}

void report_syntax(const YAML::ParserException& error, const Source& source, const Builder& builder,
                   Findings& findings) {
  const SourceLocation where = source.place(error.mark.line, error.mark.column);
  std::string_view rest;
  std::string_view before;
  if (!error.mark.is_null()) {
    const std::string_view line = source.line(error.mark.line);
    const std::size_t at = std::min(static_cast<std::size_t>(error.mark.column), line.size());
    before = line.substr(0, at);
    rest = line.substr(at);
  }
  if (!rest.empty() && rest.front() == '{' && !before.empty() && before.back() == '$') {
    findings.report(where, "inside '{ }' and '[ ]' a substitution stands in quotes: \"${name}\"");
    return;
  }
  std::string sentence = explained(error.msg, rest, builder);
  if (builder.long_quote())
    sentence += "; the quote opened on line " + std::to_string(builder.long_quote()->line) +
                " goes over several lines: is it closed?";
  findings.report(where, sentence);
}

std::size_t size_of(const Value& value) {
  std::size_t bytes = sizeof(Value) + value.text().size();
  for (const Value& item : value.items()) bytes += size_of(item);
  for (const Value::Entry& entry : value.entries())
    bytes += sizeof(Value::Entry) - sizeof(Value) + entry.key.size() + size_of(entry.value);
  return bytes;
}

}  // namespace

void Budget::charge(const Value& value, const SourceLocation& where) {
  charge(size_of(value), where);
}

void Budget::charge(std::size_t bytes, const SourceLocation& where) {
  if (bytes > left_)
    throw TooLarge(
        "written out in full, this pipeline would take more than " + std::to_string(kMost >> 20) +
            " MiB; large arrays belong in files of their own, and aliases, variables and "
            "sweeps multiply what they stand for",
        where);
  left_ -= bytes;
}

std::optional<Value> read_yaml(const Source& source, Budget& budget, Findings& findings) {
  std::istringstream stream(source.text());
  Builder builder(source, budget, findings);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop&) {
    return std::nullopt;
  } catch (const TooLarge& error) {
    findings.report(error.where(), error.sentence());
    return std::nullopt;
  } catch (const YAML::ParserException& error) {
    report_syntax(error, source, builder, findings);
    return std::nullopt;
  }
  return builder.take_root();
}

}  // namespace pellucid
