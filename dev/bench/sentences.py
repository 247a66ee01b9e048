"""What the callers of the bench say: short and long, questions and statements, with pauses."""

SENTENCES = (
    "hello there",
    "my favorite color is green",
    "what is my favorite color",
    "i live in a small town near the sea",
    "what do you know about me",
    "yes",
    "please remember that my sister is called anna",
    "tell me something about the weather in winter",
    "i would like to go for a long walk tomorrow morning, if it does not rain",
    "how are you today",
    "the train to the city leaves at nine and comes back at five",
    "can you help me to plan a dinner for six people",
    "no, i meant the other one",
    "what did i say about my sister",
    "thank you very much",
    "my dog is old, but he still likes to run in the garden",
    "where do i live",
    "i work as a teacher in a school for young children",
    "that is good to hear",
    "good bye and see you again next week",
)
