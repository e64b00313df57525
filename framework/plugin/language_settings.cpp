// language_settings: the table of the keys under `settings:`.
#include "plugin/language_settings.h"

namespace pellucid {

const std::vector<LanguageSetting>& language_settings() {
  static const std::vector<LanguageSetting> all{
      {"device", "cpu | cuda | cuda:NUMBER", "cpu", "where tensors live and computation happens",
       R"({"type": "string", "pattern": "^(cpu|cuda|cuda:[0-9]{1,3})$"})"},
      {"seed", "integer >= 0", "0", "decides all random draws", R"({"$ref": "#/$defs/count"})"},
      {"memory", "size, or auto", "auto", "most bytes that blocks in flight and buffers may hold",
       R"({"anyOf": [{"const": "auto"}, {"$ref": "#/$defs/memory"}]})"},
      {"threads", "integer >= 1, or auto", "auto", "threads of the whole run",
       R"({"anyOf": [{"const": "auto"}, {"$ref": "#/$defs/positive_count"}]})"},
      {"workers", "integer >= 1", "1",
       "blocks computed at once; each has threads / workers threads",
       R"({"$ref": "#/$defs/positive_count"})"},
      {"block", "number of items, or size", "16 MiB",
       "items processed together, or bytes of the largest edge of a block",
       R"({"anyOf": [{"$ref": "#/$defs/positive_count"}, {"$ref": "#/$defs/size"}]})"},
      {"tile", "list of 2 or 3 sizes", "", "cuts items that are larger than memory",
       R"({"type": "array", "minItems": 2, "maxItems": 3,
           "items": {"$ref": "#/$defs/positive_count"}})"},
      {"overlap", "list of 2 or 3 sizes", "",
       "how far tiles reach into each other where a stage needs the whole item; approximate",
       R"({"type": "array", "minItems": 2, "maxItems": 3, "items": {"$ref": "#/$defs/count"}})"},
      {"durability", "time [s]", "5", "most that a power cut may cost",
       R"({"$ref": "#/$defs/duration"})"},
      {"nonfinite", "stop | allow", "stop", "what to do where a node gives infinity or no number",
       R"({"enum": ["stop", "allow"]})"},
      {"on_item_error", "stop | skip", "stop",
       "what to do where an item cannot be read or computed", R"({"enum": ["stop", "skip"]})"},
      {"isolate", "list of nodes", "",
       "nodes that run in processes of their own, so that a fault of their plugin ends only those",
       R"({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})"},
  };
  return all;
}

}  // namespace pellucid
