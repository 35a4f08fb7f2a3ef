"""The trained networks: their geometry, and their averaged weights in official form."""
import text_tokenizer
import trainer
from flow import Flow
from hift import HiFT
from qwen2 import SpeechLM

# The head is exported sharper by this: with the published sampling (top-p 0.8) a small model slurs
TEMPERATURE = 0.6


def geometry() -> dict:
    return {"hidden": 256, "layers": 6, "heads": 4, "kv_heads": 2, "head_dim": 64, "mlp": 704,
            "text_rows": text_tokenizer.rows()}


def load_lm(temperature=TEMPERATURE) -> SpeechLM:
    """The averaged weights in official form, logits divided by `temperature`."""
    trained = SpeechLM(**geometry(), training_form=True)
    trained.load_state_dict(trainer.averaged("lm"))
    model = SpeechLM(**geometry())
    model.load_state_dict(trained.official_state())
    model.llm_decoder.weight.data /= temperature
    return model.eval()


def load_flow() -> Flow:
    """The averaged weights in official form."""
    trained = Flow(training_form=True)
    trained.load_state_dict(trainer.averaged("flow"))
    model = Flow()
    model.load_state_dict(trained.official_state())
    return model.eval()


def renew_f0(model: HiFT):
    """The latest F0 predictor, if there is one apart from the vocoder."""
    if trainer.has_weights("f0"):
        predictor = trainer.averaged("f0")
        for key in ("classifier.weight", "classifier.bias"):
            predictor[key] = predictor[key] * 100
        model.f0_predictor.load_state_dict(predictor)


def load_vocoder() -> HiFT:
    model = HiFT()
    model.load_state_dict(trainer.averaged("vocoder"))
    renew_f0(model)
    return model.eval()
